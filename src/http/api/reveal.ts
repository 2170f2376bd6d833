// /api/v1/phones/{mac}/reveal: the secrets of a phone in clear. Each look is written down.
import { revealPhone } from '../../app/reveal.ts';
import { macSchema } from '../../domain/mac.ts';
import { parseWith } from '../../domain/parse.ts';
import * as answers from './answers.ts';
import { operation } from './operation.ts';

export const revealOperations = [
  operation({
    id: 'revealPhone',
    method: 'post',
    path: '/phones/{mac}/reveal',
    summary: 'Shows the secrets of a phone in clear: passwords of its lines, secret settings and parameters',
    needs: 'own',
    answer: answers.revealed,
    handle: async ({ door, param, actor, response }) => {
      response.set('Cache-Control', 'no-store');
      return { body: await revealPhone(door, parseWith(macSchema, param('mac'), 'the MAC address'), actor) };
    },
  }),
];
