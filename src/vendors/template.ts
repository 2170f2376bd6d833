// Templates: Handlebars syntax, compiled to plain closures. Only a small part of the language is allowed, every name is
// checked against the context's schema when the template is loaded, and every value passes the format's encoder. Nothing
// is ever turned into code, so a template can do no more than print (DECISIONS.md, "Templates are interpreted").
import Handlebars from 'handlebars';
import { z } from 'zod';

export type CodeTables = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type TemplateOptions = {
  /** Where the source comes from, for messages: `acme/phone.cfg.hbs`. */
  readonly file: string;
  readonly encode: (value: string) => string;
  /** The vendor's words for our words, for `{{code "table" name}}`. */
  readonly codes: CodeTables;
  /** The schema of the values that the template sees. */
  readonly context: z.ZodType;
  /** How much one rendering may do; left out, as much as an operator's template may. */
  readonly limits?: TemplateLimits;
};

/** Statements that run, and characters that are printed. */
export type TemplateLimits = { readonly steps: number; readonly characters: number };

/** For an operator's template: the largest phone, with all its modules, needs a tenth. */
const OPERATORS_LIMITS: TemplateLimits = { steps: 200_000, characters: 1_048_576 };

/** For the product's own templates, which print phonebooks and lists of a hundred thousand phones. */
export const PRODUCT_LIMITS: TemplateLimits = { steps: 50_000_000, characters: 268_435_456 };

export type Template = (context: unknown) => string;

/** A fault of a template, found when it is loaded; the message names file and line. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

type Frame = { readonly value: unknown; readonly index: number; readonly parent: Frame | null };
/** What has been printed, and how much work it was. */
type Out = { readonly parts: string[]; characters: number; steps: number };
type Emit = (frame: Frame, out: Out) => void;
type Read = (frame: Frame) => unknown;
type Env = TemplateOptions & { readonly shapes: readonly z.ZodType[] };

const LISTS_DEEP_MAX = 3;
const BLOCKS_DEEP_MAX = 32;

/**
 * Compiles a template.
 * @throws TemplateError for a syntax error, a part of Handlebars that is not allowed, a name that the context does not
 *   have, or a code table that is missing or lacks a word
 */
export function compileTemplate(source: string, options: TemplateOptions): Template {
  const emit = compileProgram(parse(source, options.file), { ...options, shapes: [options.context] });
  return (context) => {
    const out: Out = { parts: [], characters: 0, steps: 0 };
    emit({ value: context, index: 0, parent: null }, out);
    return out.parts.join('');
  };
}

/** Handlebars' parser needs minutes for thousands of blocks within blocks, so they are counted before it sees them. */
function refuseDeepBlocks(source: string, file: string): void {
  // How many blocks each closing tag will close: `{{else if x}}` opens one more that shares it.
  const open: number[] = [];
  for (const { 1: sign, index } of source.matchAll(/\{\{~?([#/]|\^(?!\s*~?\})|else\s+\w)/g)) {
    if (sign === '/') open.pop();
    else if (sign === '#' || sign === '^') open.push(1);
    else open.push((open.pop() ?? 0) + 1);
    if (open.reduce((sum, blocks) => sum + blocks, 0) <= BLOCKS_DEEP_MAX) continue;
    const line = source.slice(0, index).split('\n').length;
    throw new TemplateError(`${file}:${line}: blocks are nested deeper than ${BLOCKS_DEEP_MAX}`);
  }
}

function parse(source: string, file: string): hbs.AST.Program {
  refuseDeepBlocks(source, file);
  try {
    return Handlebars.parse(source);
  } catch (error) {
    throw new TemplateError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const refuse = (node: hbs.AST.Node, env: Env, why: string): never => {
  throw new TemplateError(`${env.file}:${node.loc.start.line}: ${why}`);
};

function compileProgram(program: hbs.AST.Program, env: Env): Emit {
  const parts = program.body.map((statement) => compileStatement(statement, env));
  const { steps } = env.limits ?? OPERATORS_LIMITS;
  return (frame, out) => {
    out.steps += parts.length + 1;
    if (out.steps > steps) throw new Error(`${env.file} takes more than ${steps} steps`);
    for (const part of parts) part(frame, out);
  };
}

function print(text: string, out: Out, { file, limits: { characters } = OPERATORS_LIMITS }: Env): void {
  out.characters += text.length;
  if (out.characters > characters) throw new Error(`${file} prints more than ${characters} characters`);
  out.parts.push(text);
}

function compileStatement(statement: hbs.AST.Statement, env: Env): Emit {
  switch (statement.type) {
    case 'ContentStatement': {
      const text = (statement as hbs.AST.ContentStatement).value;
      return (_frame, out) => print(text, out, env);
    }
    case 'CommentStatement':
      return () => undefined;
    case 'MustacheStatement':
      return compileMustache(statement as hbs.AST.MustacheStatement, env);
    case 'BlockStatement':
      return compileBlock(statement as hbs.AST.BlockStatement, env);
    default:
      return refuse(statement, env, `${statement.type} is not allowed in a template`);
  }
}

function compileMustache(mustache: hbs.AST.MustacheStatement, env: Env): Emit {
  // Handlebars calls `{{{x}}}` and `{{&x}}` unescaped; here every value is encoded.
  if (!mustache.escaped) refuse(mustache, env, 'a value cannot be printed without encoding; use two braces');
  if (mustache.hash) refuse(mustache, env, 'named arguments are not allowed');
  const { path } = mustache;
  if (path.type === 'PathExpression' && (path as hbs.AST.PathExpression).original === 'code') {
    return compileCode(mustache, env);
  }
  if (mustache.params.length > 0) refuse(mustache, env, 'the only helper is {{code "table" name}}');
  const { read, shape } = compilePath(path, env);
  const base = shape instanceof z.ZodNullable ? shape.unwrap() : shape;
  const printable = base instanceof z.ZodString || base instanceof z.ZodNumber || base instanceof z.ZodEnum;
  if (!printable) refuse(mustache, env, `${text(path)} is not a text or a number and cannot be printed`);
  return (frame, out) => print(env.encode(printed(read(frame), text(path), env)), out, env);
}

/** `{{code "table" name}}`: the vendor's word for the value of `name`. Codes come from the descriptor, not from people. */
function compileCode(mustache: hbs.AST.MustacheStatement, env: Env): Emit {
  const [tableName, name] = mustache.params;
  if (mustache.params.length !== 2 || tableName?.type !== 'StringLiteral' || name === undefined) {
    return refuse(mustache, env, 'write {{code "table" name}}');
  }
  const tableText = (tableName as hbs.AST.StringLiteral).value;
  const table = env.codes[tableText];
  if (table === undefined) return refuse(mustache, env, `vendor.json has no codes "${tableText}"`);
  const { read, shape } = compilePath(name, env);
  if (shape instanceof z.ZodEnum) {
    const missing = shape.options.filter((option) => !Object.hasOwn(table, String(option)));
    if (missing.length > 0) refuse(mustache, env, `codes "${tableText}" lacks ${missing.join(', ')}`);
  }
  return (frame, out) => {
    const key = printed(read(frame), text(name), env);
    const code = Object.hasOwn(table, key) ? table[key] : undefined;
    if (code === undefined) throw new Error(`assertion failed: ${env.file}: codes "${tableText}" lacks ${key}`);
    print(code, out, env);
  };
}

function printed(value: unknown, name: string, env: Env): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  throw new Error(`assertion failed: ${env.file}: ${name} is ${value === null ? 'empty' : 'not printable'} here`);
}

function compileBlock(block: hbs.AST.BlockStatement, env: Env): Emit {
  const name = text(block.path);
  const [subject] = block.params;
  if (block.params.length !== 1 || subject === undefined || block.hash) {
    return refuse(block, env, `{{#${name}}} takes exactly one name`);
  }
  if (block.program.blockParams?.length) return refuse(block, env, 'block parameters are not allowed');
  if (name === 'each') return compileEach(block, subject, env);
  if (name !== 'if' && name !== 'unless')
    return refuse(block, env, `{{#${name}}} is not allowed; if, unless and each are`);
  const { read } = compilePath(subject, env);
  const yes = compileProgram(block.program, env);
  const no = block.inverse ? compileProgram(block.inverse, env) : () => undefined;
  const [whenTrue, whenFalse] = name === 'if' ? [yes, no] : [no, yes];
  return (frame, out) => (isTrue(read(frame)) ? whenTrue(frame, out) : whenFalse(frame, out));
}

/** What Handlebars counts as true: everything but false, null, 0, the empty text and the empty list. */
const isTrue = (value: unknown) => Boolean(value) && !(Array.isArray(value) && value.length === 0);

function compileEach(block: hbs.AST.BlockStatement, subject: hbs.AST.Expression, env: Env): Emit {
  const { read, shape } = compilePath(subject, env);
  if (!(shape instanceof z.ZodArray)) return refuse(block, env, `${text(subject)} is not a list`);
  if (env.shapes.length > LISTS_DEEP_MAX) return refuse(block, env, `lists are nested deeper than ${LISTS_DEEP_MAX}`);
  const body = compileProgram(block.program, { ...env, shapes: [...env.shapes, shape.element as z.ZodType] });
  const empty = block.inverse ? compileProgram(block.inverse, env) : () => undefined;
  return (frame, out) => {
    const items = read(frame) as readonly unknown[];
    if (items.length === 0) return empty(frame, out);
    items.forEach((value, index) => {
      body({ value, index, parent: frame }, out);
    });
  };
}

const text = (expression: hbs.AST.Node): string => (expression as hbs.AST.PathExpression).original ?? expression.type;

/** A path as a function, with the schema of what it finds: every step must exist in the context's schema. */
function compilePath(expression: hbs.AST.Expression, env: Env): { read: Read; shape: z.ZodType } {
  if (expression.type !== 'PathExpression') return refuse(expression, env, `${expression.type} is not allowed here`);
  const { depth, parts, data } = expression as hbs.AST.PathExpression;
  if (data) return refuse(expression, env, `@${parts.join('.')} is not allowed; the context numbers its lists itself`);
  let shape = env.shapes[env.shapes.length - 1 - depth];
  if (shape === undefined) return refuse(expression, env, `${text(expression)} goes up further than there are lists`);
  for (const part of parts) {
    const inner: z.ZodType = shape instanceof z.ZodNullable ? (shape.unwrap() as z.ZodType) : shape;
    const next = inner instanceof z.ZodObject && Object.hasOwn(inner.shape, part) ? inner.shape[part] : undefined;
    if (next === undefined) return refuse(expression, env, `the context has no ${text(expression)}`);
    shape = next as z.ZodType;
  }
  return { shape, read: (frame) => follow(frame, depth, parts) };
}

function follow(frame: Frame, depth: number, parts: readonly string[]): unknown {
  let from = frame;
  for (let up = 0; up < depth && from.parent !== null; up++) from = from.parent;
  let value = from.value;
  for (const part of parts) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return null;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}
