// The product: every vendor's every family, in every transport and binding, really asks for the SRV records of the pool.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TRANSPORTS } from '../../src/domain/pool.ts';
import { BINDINGS } from '../../src/domain/tenant.ts';
import { readPhone } from '../support/readers.ts';
import { aLine, everyFamily, everyModel, renderAll } from '../support/world.ts';

const POOL = 'pbxa.example.com';
const SIP_DOMAIN = 'sip.acme.example';

describe('a phone finds its pool by SRV and nothing else', () => {
  for (const { vendor, model, family, lines: linesMax } of everyFamily()) {
    for (const transport of TRANSPORTS) {
      for (const binding of BINDINGS) {
        test(`${vendor} ${family}, ${transport}, ${binding}`, () => {
          const lines = Array.from({ length: linesMax }, (_, index) => aLine({ user: `10${index}-ACME` }));
          const files = renderAll({ phone: { vendor, model, lines }, transport, binding });
          const read = readPhone(vendor, family, files);
          assert.equal(read.length, linesMax, 'every line is there');
          for (const line of read) {
            assert.equal(line.server, binding === 'registrar' ? POOL : SIP_DOMAIN);
            assert.equal(line.proxy, binding === 'registrar' ? '' : POOL);
            assert.equal(line.asksSrv, true, 'no port stands beside the name and the SRV switch is on');
            assert.ok([transport, 'from NAPTR'].includes(line.transport), `transport is ${line.transport}`);
            assert.equal(line.secondServer, '', 'there is one server entry only');
            assert.equal(line.secondProxy, '', 'there is one proxy entry only');
            assert.equal(line.expiresS, 300);
            assert.ok(line.failbackS === null || line.failbackS === 'srv ttl' || line.failbackS === 600);
          }
        });
      }
    }
  }

  test('families that can be told when to return to the primary are told', () => {
    const untold = everyFamily().filter(({ vendor, model, family }) => {
      const [line] = readPhone(vendor, family, renderAll({ phone: { vendor, model } }));
      return line?.failbackS === null;
    });
    // No template of the vendor that could be read has such a parameter for these: desk phones before the GXP2130 and
    // GXP16xx, GXP17xx and GXV32xx, adapters but the V2 ones, and the DECT base. How they come back is their own.
    assert.deepEqual(untold.map(({ family }) => family).sort(), [
      'dp75',
      'gxp14',
      'gxp16',
      'gxp17',
      'gxv32',
      'ht70',
      'ht704',
      'ht80',
      'ht81',
      'ht813',
    ]);
  });
});

test('every model renders with one line and with all of its lines', () => {
  for (const { vendor, model, family, lines } of everyModel()) {
    for (const count of new Set([1, lines])) {
      const phone = { vendor, model, lines: Array.from({ length: count }, () => aLine()) };
      assert.equal(readPhone(vendor, family, renderAll({ phone })).length, count, `${vendor} ${model}`);
    }
  }
});

test('the lookup by SRV at once can be chosen where a phone asks NAPTR first', () => {
  const phone = { vendor: 'polycom', model: 'VVX 450', settings: { srvLookup: 'srv' } };
  for (const transport of TRANSPORTS) {
    const [line] = readPhone('polycom', 'ucs', renderAll({ phone, transport }));
    assert.equal(line?.transport, transport);
    assert.equal(line?.asksSrv, true);
  }
});
