// Reads the parameters of a file that a template made: what an operator's own template says is checked by what it says,
// not by how it looks. Strict: whatever a phone might read in another way is refused.
import type { Parameter } from '../domain/parameters.ts';
import type { Format } from './encode.ts';

const broken = (text: string, at: number, why: string) =>
  new Error(`line ${text.slice(0, at).split('\n').length} of the file: ${why}`);

/**
 * All parameters of a file, in their order: lines `name = value`; in XML every attribute, and the text of every element
 * under the element's name, or under its `name` attribute where it has one.
 * @throws Error naming the line, for a file that a phone could not read or could read in two ways
 */
export const parametersIn = (format: Format, text: string): Parameter[] =>
  format === 'lines' ? readLines(text) : readXml(text);

function readLines(text: string): Parameter[] {
  const parameters: Parameter[] = [];
  let at = 0;
  for (const line of text.split('\n')) {
    const match = /^\s*([^\s=]+?)\s*=\s*(.*?)\s*$/.exec(line);
    const isOther = /^\s*(?:#.*|include:\S+ .*)?$/.test(line);
    if (match !== null && !line.trimStart().startsWith('#')) {
      parameters.push({ name: match[1] ?? '', value: match[2] ?? '' });
    } else if (!isOther) throw broken(text, at, 'is neither "name = value" nor a comment');
    at += line.length + 1;
  }
  return parameters;
}

const TAG =
  /<(?<end>\/)?(?<name>[A-Za-z_][\w.-]*)(?<attributes>(?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(?<empty>\/)?>|<\?xml [^?<>]*\?>/y;
const ATTRIBUTE = /([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

type OpenElement = { readonly tag: string; readonly parameter: string; text: string; hasChildren: boolean };

function readXml(text: string): Parameter[] {
  const parameters: Parameter[] = [];
  const open: OpenElement[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] !== '<') {
      const end = text.indexOf('<', at);
      const piece = text.slice(at, end === -1 ? text.length : end);
      const inside = open.at(-1);
      if (inside !== undefined) inside.text += plainText(text, at, piece);
      else if (piece.trim() !== '') throw broken(text, at, 'text stands outside of every element');
      at += piece.length;
      continue;
    }
    TAG.lastIndex = at;
    const match = TAG.exec(text);
    if (match === null) throw broken(text, at, 'is not a plain element (comments, CDATA and entities are not taken)');
    takeTag(text, at, match.groups ?? {}, open, parameters);
    at += match[0].length;
  }
  if (open.length > 0) throw broken(text, at, `<${open.at(-1)?.tag}> is not closed`);
  return parameters;
}

function takeTag(
  text: string,
  at: number,
  { name, end, attributes = '', empty }: Record<string, string | undefined>,
  open: OpenElement[],
  parameters: Parameter[],
): void {
  if (name === undefined) return;
  if (end !== undefined) {
    const element = open.pop();
    if (element?.tag !== name) throw broken(text, at, `</${name}> closes nothing`);
    if (!element.hasChildren) parameters.push({ name: element.parameter, value: element.text });
    return;
  }
  const parent = open.at(-1);
  if (parent !== undefined) parent.hasChildren = true;
  const given = [...attributes.matchAll(ATTRIBUTE)].map(([, key = '', double, single]) => ({
    name: key,
    value: plainText(text, at, double ?? single ?? ''),
  }));
  parameters.push(...given);
  if (new Set(given.map((one) => one.name)).size < given.length) throw broken(text, at, 'an attribute stands twice');
  const parameter = given.find((one) => one.name === 'name')?.value ?? name;
  if (empty === undefined) open.push({ tag: name, parameter, text: '', hasChildren: false });
  else parameters.push({ name: parameter, value: '' });
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const plainText = (text: string, at: number, piece: string): string =>
  piece.replaceAll(/&(\w*);?/g, (whole, name: string) => {
    const character = ENTITIES[name];
    if (character === undefined || !whole.endsWith(';')) throw broken(text, at, 'has an "&" that is no plain entity');
    return character;
  });
