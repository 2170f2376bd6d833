// /api/v1/records: every DNS record that should exist, in the forms that other tools read.
import type { Request } from 'express';
import { z } from 'zod';
import { desiredRecords, octoDnsText, recordDocument, recordsIn, zoneText } from '../../app/records.ts';
import type { DnsRecord } from '../../domain/srv.ts';
import { hostNameSchema } from '../../domain/text.ts';
import * as answers from './answers.ts';
import { operation } from './operation.ts';

/** A zone file (RFC 4027). */
const ZONE_FILE = 'text/dns';
/** A file of octoDNS (RFC 9512). */
const OCTO_DNS = 'application/yaml';

/** What records can be answered as, beside JSON. */
export const RECORD_TYPES = [ZONE_FILE, OCTO_DNS];

/** Records in the form that the caller accepts. @throws AppError `invalid` for octoDNS without a zone */
export function recordReply(records: readonly DnsRecord[], zone: string | undefined, request: Request) {
  const shown = recordsIn(records, zone);
  switch (request.accepts(['application/json', ...RECORD_TYPES])) {
    case ZONE_FILE:
      return { type: ZONE_FILE, content: zoneText(shown) };
    case OCTO_DNS:
      return { type: OCTO_DNS, content: octoDnsText(shown, zone) };
    default:
      return { body: recordDocument(shown, zone) };
  }
}

export const recordOperations = [
  operation({
    id: 'listRecords',
    method: 'get',
    path: '/records',
    summary:
      'Every DNS record that should exist, one by one and in sets; as lines of a zone file with Accept: text/dns, as a file of octoDNS with Accept: application/yaml and ?zone=',
    needs: 'lookAtFleet',
    query: z.object({ zone: hostNameSchema.optional() }),
    answer: answers.records,
    answerTypes: RECORD_TYPES,
    handle: async ({ door, query, request }) =>
      recordReply(await door.store.snapshot(desiredRecords), query.zone, request),
  }),
];
