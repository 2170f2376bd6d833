// A tenant's phonebook, as its phones get it and as people fill it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SaxesParser } from 'saxes';
import { type App, startApp } from '../support/app.ts';

/** The texts of all elements and the values of all attributes of a well-formed file. */
function textsOf(xml: string): string[] {
  const texts: string[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => assert.fail(error));
  parser.on('text', (text) => texts.push(text.trim()));
  parser.on('opentag', ({ attributes }) => texts.push(...Object.values(attributes as Record<string, string>)));
  parser.write(xml).close();
  return texts.filter((text) => text !== '');
}

/** Where the phones of each vendor find their tenant's phonebook. */
const BOOKS: Record<string, string> = {
  yealink: 'yealink-phonebook.xml',
  polycom: '64167fa00001-directory.xml',
  grandstream: 'phonebook.xml',
  snom: 'snom-phonebook.xml',
};

const bookOf = async (app: App, tenant: string, file: string) =>
  ((await app.phone('get', (await app.folderOf(tenant)) + file).expect(200)).body as Buffer).toString();

const contacts = [
  { name: 'Müller & Söhne <Bau>', work: '+49301234', mobile: '0151555', home: null },
  { name: 'Anna "A"', work: null, mobile: null, home: '0307' },
];

describe('the phonebook', () => {
  test('every vendor has one', async (context) => {
    const app = await startApp(context);
    assert.deepEqual([...app.house.vendors.ids], Object.keys(BOOKS).sort());
  });
  for (const [vendor, file] of Object.entries(BOOKS)) {
    test(`of ${vendor}: lines and contacts of the tenant, of no other, whatever their names hold`, async (context) => {
      const app = await startApp(context);
      await app.api('put', 'tenants/acme/contacts').send({ items: contacts }).expect(200);
      await app
        .api('put', 'tenants/globex/contacts')
        .send({ items: [{ name: 'Foreign', work: '999' }] })
        .expect(200);
      const texts = textsOf(await bookOf(app, 'acme', file));
      const whole = texts.join(' ');
      for (const number of ['101', '102', '103', '+49301234', '0151555', '0307'])
        assert.ok(texts.includes(number), `${number} in ${whole}`);
      for (const { name } of contacts) assert.ok(whole.includes(name), name);
      assert.ok(!whole.includes('Foreign') && !whole.includes('GLOBEX'));
      await app.phone('get', `/p/${'a'.repeat(26)}/${file}`).expect(404);
      await app.phone('get', `/${file}`).expect(404);
    });
  }
  test('follows the phones: a name that changes, a phone that is disabled, an extension of its own', async (context) => {
    const app = await startApp(context);
    const line = (changes: object) => ({ lines: [{ user: '101-ACME', ...changes }] });
    await app
      .api('patch', 'phones/805ec0a00001')
      .send(line({ displayName: 'Reception' }))
      .expect(200);
    assert.match(await bookOf(app, 'acme', 'yealink-phonebook.xml'), /Reception/);
    await app
      .api('patch', 'phones/805ec0a00001')
      .send(line({ displayName: 'Reception', extension: '*7' }))
      .expect(200);
    assert.ok(textsOf(await bookOf(app, 'acme', 'yealink-phonebook.xml')).includes('*7'));
    await app.api('patch', 'phones/805ec0a00001').send({ enabled: false }).expect(200);
    assert.doesNotMatch(await bookOf(app, 'acme', 'yealink-phonebook.xml'), /Reception/);
  });
  test('a Polycom phone gets its own directory back where the tenant has no phonebook', async (context) => {
    const app = await startApp(context);
    const folder = await app.folderOf('acme');
    await app.phone('put', `${folder}64167fa00001-directory.xml`).send('<directory/>').expect(200);
    assert.match(await bookOf(app, 'acme', '64167fa00001-directory.xml'), /102/);
    await app
      .api('patch', 'tenants/acme')
      .send({ settings: { phonebook: false } })
      .expect(200);
    assert.equal(await bookOf(app, 'acme', '64167fa00001-directory.xml'), '<directory/>');
  });
});

describe('contacts', () => {
  const put = (app: App, table: string) =>
    app.api('put', 'tenants/acme/contacts').set('Content-Type', 'text/csv').send(table);

  test('are read from a table with headings in usual spellings', async (context) => {
    const app = await startApp(context);
    const table = '\ufeffDisplay Name;Phone;Mobile Phone;Fax\r\n"Smith; John";(030) 12-34;;1\r\nAnna;;0151 22;\r\n\r\n';
    const { body } = await put(app, table).expect(200);
    assert.deepEqual(body.items, [
      { name: 'Smith; John', work: '0301234', mobile: null, home: null },
      { name: 'Anna', work: null, mobile: '015122', home: null },
    ]);
    assert.deepEqual((await app.api('get', 'tenants/acme/contacts').expect(200)).body.items, body.items);
  });
  const wrong: [string, string, string[]][] = [
    ['no number', 'name,work\nAnna,\nBert,1', ['line 2']],
    ['a number that cannot be dialled', 'name,work\nAnna,1\nBert,a b!', ['line 3, column 2']],
    ['no name', 'name,work\n,1', ['line 2, column 1']],
    ['two columns for the same', 'number,phone,name\n1,2,A', ['line 1, column 2']],
    ['quotation marks that do not pair', 'name,work\n"Anna,1', ['line 2']],
    ['more cells than headings', 'name,work\nAnna,1,2', ['line 2, column 3']],
  ];
  for (const [what, table, places] of wrong) {
    test(`${what}: told by line and column, and nothing is written`, async (context) => {
      const app = await startApp(context);
      await put(app, 'name,work\nBefore,1').expect(200);
      const { body } = await put(app, table).expect(422);
      assert.deepEqual(
        body.errors.map(({ path }: { path: string }) => path),
        places,
      );
      assert.equal((await app.api('get', 'tenants/acme/contacts')).body.items[0].name, 'Before');
    });
  }
});
