import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contactSchema, contactsSchema, extensionOf, phonebook } from '../../src/domain/contact.ts';

const contact = (name: string, numbers: object) => contactSchema.parse({ name, ...numbers });
const numbers = (book: ReturnType<typeof phonebook>) =>
  book.contacts.map(({ number, name, work, mobile, home }) => [number, name, work, mobile, home]);

test('lines and contacts stand in the order of their names, numbered', () => {
  const colleagues = [
    { name: 'Reception', extension: '100' },
    { name: 'Bakery', extension: '102' },
  ];
  assert.deepEqual(numbers(phonebook(colleagues, [contact('Garage', { mobile: '0151' })])), [
    [1, 'Bakery', '102', null, null],
    [2, 'Garage', null, '0151', null],
    [3, 'Reception', '100', null, null],
  ]);
});

test('an extension on several phones stands once, and a contact with the same number stands for it', () => {
  const colleagues = ['A', 'B', 'C'].map((name, index) => ({ name, extension: index < 2 ? '100' : '101' }));
  assert.deepEqual(numbers(phonebook(colleagues, [contact('Front desk', { work: '101' })])), [
    [1, 'A', '100', null, null],
    [2, 'Front desk', '101', null, null],
  ]);
});

describe('the number that colleagues dial', () => {
  const cases: [user: string, extension: string | null, dialled: string | null][] = [
    ['101-ACME', null, '101'],
    ['101', null, '101'],
    ['101_2', null, '101'],
    ['101-ACME', '7', '7'],
    ['anna', null, null],
    ['101a', null, null],
    ['a101', null, null],
  ];
  for (const [user, extension, dialled] of cases) {
    test(`${user}, ${extension ?? 'nothing said'} → ${dialled ?? 'none'}`, () =>
      assert.equal(extensionOf({ user, extension }), dialled));
  }
});

describe('a contact', () => {
  test('needs a name and a number', () => {
    assert.equal(contactSchema.safeParse({ name: 'A' }).success, false);
    assert.equal(contactSchema.safeParse({ name: '', work: '1' }).success, false);
  });
  test('holds numbers that can be dialled', () => {
    assert.equal(contactSchema.safeParse({ name: 'A', work: '+49 30 1' }).success, false);
    assert.equal(contactSchema.safeParse({ name: 'A', work: '+49301' }).success, true);
  });
  test('stands among ten thousand at most', () => {
    const many = Array.from({ length: 10_001 }, () => ({ name: 'A', work: '1' }));
    assert.equal(contactsSchema.safeParse(many).success, false);
    assert.equal(contactsSchema.safeParse(many.slice(1)).success, true);
  });
});
