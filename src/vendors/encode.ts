// File formats: how a value is written so that the phone reads back exactly that value. Every value of every file passes
// here, once, so no template can forget it.
import { textFault } from '../domain/text.ts';

const XML_ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

const encoders = {
  /** `name = value` to the end of the line, nothing escaped: safe because no value can hold a line break. */
  lines: (value: string) => value,
  /** XML 1.0, for text and for attributes in double quotes. */
  xml: (value: string) => value.replaceAll(/[&<>"']/g, (character) => XML_ENTITIES[character] ?? character),
};

export type Format = keyof typeof encoders;
export const FORMATS = Object.keys(encoders) as [Format, ...Format[]];

/**
 * The encoder of a format.
 * @returns a function that throws an Error for a text that no file can carry; such a text is refused long before, so
 *   meeting one here is a fault of ours and must not reach a phone. The error never holds the text.
 */
export function encoderOf(format: Format): (value: string) => string {
  const encode = encoders[format];
  return (value) => {
    const fault = textFault(value);
    if (fault !== null) throw new Error(`assertion failed: a value for a ${format} file ${fault}`);
    return encode(value);
  };
}
