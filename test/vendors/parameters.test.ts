// Raw parameters: every name that our own files hold is one that the phone knows, and no name that could point a phone
// elsewhere can be given by hand.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TRANSPORTS } from '../../src/domain/pool.ts';
import { BINDINGS } from '../../src/domain/tenant.ts';
import {
  checkParameter,
  findName,
  loadParameterNames,
  type ParameterRules,
  reservedParametersSchema,
} from '../../src/vendors/parameters.ts';
import { type Parameters, readAttributes, readElements, readLinesFormat } from '../support/readers.ts';
import { aLine, everyFamily, everyModel, renderAll, type Situation, TEMPLATES, vendors } from '../support/world.ts';

const VENDORS = ['yealink', 'polycom', 'grandstream'] as const;
type VendorId = (typeof VENDORS)[number];

const fileOf = (vendor: string, name: string) => readFileSync(join(TEMPLATES, vendor, name), 'utf8');
const rulesOf = (vendor: string): ParameterRules => ({
  names: loadParameterNames(fileOf(vendor, 'parameters.txt')),
  reserved: reservedParametersSchema.parse(JSON.parse(fileOf(vendor, 'reserved.json'))),
});
const RULES = Object.fromEntries(VENDORS.map((vendor) => [vendor, rulesOf(vendor)])) as Record<
  VendorId,
  ParameterRules
>;

const READ = { yealink: readLinesFormat, polycom: readAttributes, grandstream: readElements };

/** Lists of files to fetch are written in words of their own, not in parameters. */
const isManifest = (name: string) => /^[0-9a-f]{12}\.(?:cfg|boot)$/.test(name);
const holdsParameters = (vendor: VendorId, name: string) =>
  vendor === 'polycom' ? !isManifest(name) : !name.endsWith('.boot');

/** Everything that a phone's files say; a name may stand once in all of them together. */
function emitted(vendor: VendorId, situation: Situation): Parameters {
  const all: Parameters = new Map();
  for (const [file, text] of renderAll(situation)) {
    if (!holdsParameters(vendor, file)) continue;
    for (const [name, value] of READ[vendor](text)) {
      assert.ok(!all.has(name), `${file}: ${name} is given twice`);
      all.set(name, value);
    }
  }
  return all;
}

// The list's tag for a model, from the titles of the vendor's official templates; the first that fits.
const TAGS: [RegExp, string[]][] = [
  [/^GXP1[14]/, ['gxp14']],
  [/^GXP16/, ['gxp16']],
  // The copy of the template of the GXP17xx ends at account 3; the fourth of the GXP178x is numbered as on all others.
  [/^GXP178/, ['gxp17', 'gxp21']],
  [/^GXP17/, ['gxp17']],
  [/^GXP2[12]/, ['gxp21']],
  [/^GRP/, ['grp']],
  [/^GHP/, ['ghp']],
  [/^GXV32/, ['gxv32']],
  [/^GXV3[34]/, ['gxv3370', 'gxv3480']],
  [/^WP8\d6/, ['wp8x6']],
  [/^WP8/, ['wp8']],
  [/^HT7/, ['ht7']],
  // Of the second hardware there is only what one device showed, without passwords; it kept the numbers of the first.
  [/^HT80\dV2/, ['ht802v2', 'ht8']],
  [/^HT8/, ['ht8']],
  [/^DP7/, ['dp']],
];

/** What is wrong with a name that a model's file gives, or null. */
function faultOf(vendor: VendorId, { model, family }: { model: string; family: string }, name: string): string | null {
  const found = findName(RULES[vendor].names, name);
  if (!found.known) return `${model}: ${name} is not known; near: ${found.nearest.join(', ')}`;
  if (found.tag === 'legacy' && family !== 'legacy') return `${model}: ${name} is an old name`;
  if (vendor !== 'grandstream') return null;
  const tags = TAGS.find(([pattern]) => pattern.test(model))?.[1] ?? [];
  const knownTo = found.tag?.split(' ') ?? [];
  return tags.some((tag) => knownTo.includes(tag)) ? null : `${model} (${tags}): ${name} is known to ${found.tag} only`;
}

describe('every parameter that a template gives is known to the phone', () => {
  for (const vendor of VENDORS) {
    test(vendor, () => {
      const faults = new Set<string>();
      for (const entry of everyModel().filter((each) => each.vendor === vendor)) {
        for (const count of new Set([1, entry.lines])) {
          for (const binding of BINDINGS) {
            for (const transport of TRANSPORTS) {
              const lines = Array.from({ length: count }, () => aLine());
              const names = emitted(vendor, {
                phone: { vendor, model: entry.model, lines },
                binding,
                transport,
              }).keys();
              for (const name of names) {
                const fault = faultOf(vendor, entry, name);
                if (fault !== null) faults.add(fault);
              }
            }
          }
        }
      }
      assert.deepEqual([...faults], []);
    });
  }

  test('every file of a phone that is XML is well-formed and gives nothing twice', () => {
    for (const { vendor, model } of everyModel().filter((each) => each.vendor !== 'yealink')) {
      const read = vendor === 'polycom' ? readAttributes : readElements;
      for (const text of renderAll({ phone: { vendor, model } }).values()) assert.ok(read(text).size > 0, model);
    }
  });

  test('in the files that all phones share too', () => {
    const claim = vendors.identify('y000000000028.cfg').find(({ vendor }) => vendor === 'yealink');
    assert.ok(claim?.spec.kind === 'rendered');
    for (const name of readLinesFormat(vendors.renderShared('yealink', claim.spec).body.toString('utf8')).keys()) {
      assert.equal(checkParameter(RULES.yealink, name).state, 'ok', name);
    }
  });

  test('the oracle sees what it looks for', () => {
    assert.match(faultOf('yealink', { model: 'T46U', family: 'desk' }, 'account.1.sip_server_host') ?? '', /old name/);
    assert.match(
      faultOf('yealink', { model: 'T46U', family: 'desk' }, 'account.1.sip_serve.1.port') ?? '',
      /not known/,
    );
    assert.match(faultOf('grandstream', { model: 'GXP2160', family: 'gxp21' }, 'P747') ?? '', /known to ht7/);
    assert.match(faultOf('grandstream', { model: 'HT802', family: 'ht80' }, 'P402') ?? '', /known to gxp14/);
  });
});

describe('what decides where a phone registers is reserved', () => {
  const line = { user: 'u-101', authUser: 'a-101', password: 'p-101', displayName: 'Shown', label: 'Key' };
  const secrets = ['pbxa.example.com', 'sip.acme.example', line.user, line.authUser, line.password];

  for (const { vendor, model, family, lines: linesMax } of everyFamily()) {
    test(`${vendor} ${family}`, () => {
      const id = vendor as VendorId;
      const lines = Array.from({ length: linesMax }, () => line);
      const situations = BINDINGS.flatMap((binding) =>
        TRANSPORTS.flatMap((transport) =>
          ['naptr', 'srv'].map((srvLookup) => ({
            phone: { vendor, model, lines, settings: { srvLookup } },
            binding,
            transport,
          })),
        ),
      );
      const values = new Map<string, Set<string>>();
      for (const situation of situations) {
        for (const [name, value] of emitted(id, situation)) {
          values.set(name, (values.get(name) ?? new Set()).add(value));
        }
      }
      const open: string[] = [];
      for (const [name, seen] of values) {
        // A value that follows the pool, the line, the transport or the binding is not the operator's to write.
        const decides = seen.size > 1 || secrets.some((secret) => seen.has(secret));
        if (decides && checkParameter(RULES[id], name).state !== 'refused') open.push(name);
      }
      assert.deepEqual(open, []);
      assert.ok(
        [...values.keys()].some((name) => checkParameter(RULES[id], name).state === 'ok'),
        'and not everything is',
      );
    });
  }

  const REFUSED: Record<VendorId, string[]> = {
    yealink: [
      'account.1.sip_server.1.address',
      'account.16.sip_server.1.port',
      'account.1.sip_server.1.transport_type',
      'account.1.sip_server.2.address',
      'account.1.sip_server.2.expires',
      'account.1.naptr_build',
      'account.1.outbound_proxy_enable',
      'account.1.outbound_proxy.1.address',
      'account.1.outbound_proxy.2.port',
      'account.1.fallback.redundancy_type',
      'account.1.user_name',
      'account.1.auth_name',
      'account.1.password',
      'account.1.static_cache_pri',
      'dns_cache_srv.1.target',
      'dns_cache_a.12.ip',
      'template.1.sip_server.1.address',
      'sip.dhcp.option120.mode',
      'static.auto_provision.server.url',
      'static.auto_provision.server.password',
      'static.auto_provision.dhcp_option.enable',
      'static.auto_provision.pnp_enable',
      'static.auto_provision.custom.protect',
      'static.autoprovision.1.url',
      'static.managementserver.url',
      'static.zero_touch.enable',
      'dm.server.address',
      'dialplan.emergency.server.1.address',
    ],
    polycom: [
      'reg.1.address',
      'reg.1.auth.userId',
      'reg.1.auth.password',
      'reg.34.server.1.address',
      'reg.1.server.1.port',
      'reg.1.server.1.transport',
      'reg.1.server.2.address',
      'reg.1.server.2.failOver.reRegisterOn',
      'reg.1.outboundProxy.address',
      'reg.1.outboundProxy.transport',
      'voIpProt.server.1.address',
      'voIpProt.server.dhcp.available',
      'voIpProt.SIP.outboundProxy.address',
      'dns.cache.SRV.1.target',
      'dns.cache.NAPTR.1.replacement',
      'dialplan.routing.server.1.address',
      'dialplan.1.routing.server.1.port',
      'dialplan.routing.emergency.1.server.1',
      'device.prov.serverName',
      'device.prov.serverName.set',
      'device.prov.password',
      'device.prov.ztpEnabled',
      'device.dhcp.bootSrvUseOpt',
      'device.baseProfile',
      'feature.lens.enabled',
    ],
    grandstream: [
      ...['P47', 'P402', 'P502', 'P602', 'P1702', 'P1802', 'P747'], // server
      ...['P2312', 'P2412', 'P2512', 'P2612', 'P2712', 'P2812', 'P967', 'P987', 'P997', 'P998'], // second server
      ...['P48', 'P403', 'P503', 'P603', 'P1703', 'P1803', 'P748', 'P548'], // outbound proxy
      ...['P2333', 'P2433', 'P2533', 'P2633', 'P2733', 'P2833'], // second proxy
      ...['P103', 'P408', 'P508', 'P608', 'P1708', 'P1808', 'P702'], // DNS mode
      ...['P130', 'P448', 'P548', 'P648', 'P1748', 'P1848', 'P830'], // transport
      ...['P2308', 'P2409', 'P2510', 'P2608', 'P2709', 'P2810'], // addresses in the place of DNS
      ...['P35', 'P404', 'P504', 'P604', 'P1704', 'P1804', 'P735', 'P4060', 'P4067'], // user
      ...['P36', 'P405', 'P505', 'P605', 'P1705', 'P1805', 'P736', 'P4090', 'P4097'], // authentication
      ...['P34', 'P406', 'P506', 'P606', 'P1706', 'P1806', 'P734', 'P4120', 'P4127'], // password
      ...['P4150', 'P4157', 'P93000', 'P93027', 'P2375', 'P1411', 'P145', 'P8337'],
      ...['P237', 'P212', 'P1360', 'P1361', 'P1359', 'P1414', 'P1409', 'P4503'],
      'account.1.sip.server.1.address',
      'account.6.sip.server.2.address',
      'account.1.sip.outboundProxy.1.address',
      'account.1.sip.outboundproxy.2.address',
      'account.1.sip.transport',
      'account.1.sip.userid',
      'account.1.sip.subscriber.userId',
      'account.1.sip.subscriber.password',
      'account.1.network.dnsMode',
      'account.1.network.primaryIp',
      'account.1.network.backupIp.2',
      'network.dns.cache.SRV.1.target',
      'sip.override.dhcp.allowOption120',
      'provisioning.config.serverPath',
      'provisioning.config.serverpath',
      'provisioning.pnp.url',
      'tr069.url',
    ],
  };
  const OLD: Record<VendorId, string[]> = {
    yealink: [
      'account.1.sip_server_host',
      'account.1.sip_server_port',
      'account.1.backup_sip_server_host',
      'account.1.outbound_host',
      'account.1.backup_outbound_port',
      'account.1.transport',
      'account.1.dns_srv_type',
      'account.1.dns_cache_srv.1.target',
      'auto_provision.server.url',
      'auto_provision.dhcp_enable',
      'managementserver.url',
      'redirect.enable',
      'zero_touch.enable',
    ],
    polycom: ['voIpProt.server.1.register', 'dialplan.routing.emergency.1.server.2'],
    grandstream: ['P4504', 'P240'],
  };
  for (const vendor of VENDORS) {
    test(`${vendor}: by name, the old names too`, () => {
      for (const name of [...REFUSED[vendor], ...OLD[vendor]]) {
        const verdict = checkParameter(RULES[vendor], name);
        assert.equal(verdict.state, 'refused', name);
        assert.ok(findName(RULES[vendor].names, name).known, `${name} is a name that exists`);
        assert.match('message' in verdict ? verdict.message : '', /^\S+ .+; .+$/, 'and it says what to do');
      }
    });
    test(`${vendor}: every pattern reserves a name that exists`, () => {
      const known = fileOf(vendor, 'parameters.txt')
        .split('\n')
        .flatMap((row) => (row.startsWith('#') ? [] : [row.split('\t')[0] ?? '']))
        .flatMap((name) => ['1', '2'].map((index) => name.replaceAll(/(?<=^|\.)(?:[XYZ]|\{i\})(?=\.|$)/g, index)));
      for (const reserved of RULES[vendor].reserved) {
        const rule = { names: RULES[vendor].names, reserved: [reserved] };
        assert.ok(
          known.some((name) => checkParameter(rule, name).state === 'refused'),
          reserved.pattern,
        );
      }
    });
  }

  test('no spelling slips through', () => {
    for (const name of [
      'ACCOUNT.1.SIP_SERVER.1.ADDRESS',
      'account.01.sip_server.1.address',
      'account.1.sip_server.01.port',
    ]) {
      assert.equal(checkParameter(RULES.yealink, name).state, 'refused', name);
    }
    for (const name of ['P047', 'p47', 'Account.1.SIP.Server.1.Address']) {
      assert.equal(checkParameter(RULES.grandstream, name).state, 'refused', name);
    }
    for (const name of [
      ' P47',
      'P47 ',
      'x = 1\naccount.1.password',
      'x" reg.1.address',
      'P30><P47',
      '',
      '#x',
      'a'.repeat(129),
    ]) {
      for (const vendor of VENDORS)
        assert.equal(checkParameter(RULES[vendor], name).state, 'refused', JSON.stringify(name));
    }
  });
});

describe('what does not is open', () => {
  const OPEN: Record<VendorId, string[]> = {
    yealink: [
      'account.1.label',
      'account.16.display_name',
      'account.1.sip_server.1.expires',
      'account.1.codec.pcmu.enable',
      'local_time.ntp_server1',
      'local_time.time_zone',
      'linekey.3.type',
      'lang.gui',
      'phone_setting.backlight_time',
      'static.syslog.server',
      'static.firmware.url',
    ],
    polycom: [
      'reg.1.label',
      'reg.1.displayName',
      'reg.1.server.1.expires',
      'tcpIpApp.sntp.address',
      'nat.keepalive.interval',
      'attendant.resourceList.12.address',
      'lcl.ml.lang',
      'up.welcomeSoundOnWarmBootEnabled',
      'device.syslog.serverName',
      'prov.polling.period',
    ],
    grandstream: [
      ...['P270', 'P3', 'P30', 'P32', 'P64', 'P84', 'P290', 'P331', 'P1362', 'P192'],
      'account.1.name',
      'account.6.sip.subscriber.name',
      'account.1.call.dialplan',
      'dateTime.ntp.server.1',
      'language.gui',
    ],
  };
  for (const vendor of VENDORS) {
    test(vendor, () => {
      for (const name of OPEN[vendor]) assert.deepEqual(checkParameter(RULES[vendor], name), { state: 'ok' }, name);
    });
  }
});

describe('a name that is not known comes with the nearest that are', () => {
  const cases: [VendorId, string, string][] = [
    ['yealink', 'account.1.sip_server.1.adress', 'account.1.sip_server.1.address'],
    ['yealink', 'account.12.sip_server.2.transport_typ', 'account.12.sip_server.2.transport_type'],
    ['yealink', 'account.1.sip_server.1.transport_', 'account.1.sip_server.1.transport_type'],
    ['yealink', 'account.1.sip_server.1.failover_timeout', 'account.1.sip_server.1.failback_timeout'],
    ['yealink', 'account.1.sip_server.1.retry_counter', 'account.1.sip_server.1.retry_counts'],
    ['yealink', 'linekey.7.lable', 'linekey.7.label'],
    ['yealink', 'static.auto_provision.pnp_enabled', 'static.auto_provision.pnp_enable'],
    ['polycom', 'reg.1.server.1.transprt', 'reg.1.server.1.transport'],
    ['polycom', 'reg.3.auth.userID', 'reg.3.auth.userId'],
    ['polycom', 'dns.cache.NAPTRs.2.name', 'dns.cache.NAPTR.2.name'],
    ['polycom', 'tcpIpApp.sntp.adress', 'tcpIpApp.sntp.address'],
    ['grandstream', 'account.2.network.DNSsMode', 'account.2.network.dnsMode'],
    ['grandstream', 'account.1.sip.server.1.adress', 'account.1.sip.server.1.address'],
    ['grandstream', 'account.1.sip.server.3.address', 'account.1.sip.server.1.address'],
  ];
  for (const [vendor, wrong, right] of cases) {
    test(`${vendor}: ${wrong}`, () => {
      const found = findName(RULES[vendor].names, wrong);
      assert.ok(!found.known && found.nearest.length <= 3);
      assert.equal(found.nearest[0], right);
      assert.ok(findName(RULES[vendor].names, right).known, 'and it is known');
    });
  }

  test('whoever means a reserved name is told at once', () => {
    const verdict = checkParameter(RULES.polycom, 'reg.1.server.1.transprt');
    assert.ok(verdict.state === 'warning');
    assert.match(verdict.message, /reg\.1\.server\.1\.transport \(which comes from the tenant's pool;/);
  });

  test('nothing is near a number or a text without sense, and no old name is proposed', () => {
    for (const name of ['P99999', 'zzzzzzzz', 'foo.bar']) {
      assert.deepEqual(findName(RULES.grandstream.names, name), { known: false, nearest: [] }, name);
    }
    const found = findName(RULES.yealink.names, 'account.1.sip_server_hosts');
    assert.ok(!found.known && !found.nearest.includes('account.1.sip_server_host'));
  });

  test('the search takes less than 20 ms, for the longest lists and names', () => {
    for (const vendor of VENDORS) {
      const wrong = Array.from({ length: 20 }, (_, index) => [
        `account.${index + 1}.sip.server.1.addresss.and.a.name.as.long.as.they.come`,
        `reg.${index + 1}.server.1.failOver.failBack.timeoutt`,
      ]).flat();
      const started = performance.now();
      for (const name of wrong) findName(RULES[vendor].names, name);
      const each = (performance.now() - started) / wrong.length;
      assert.ok(each < 20, `${vendor}: ${each.toFixed(1)} ms for a name`);
    }
  });
});

describe('a list of names', () => {
  const names = loadParameterNames(
    [
      '# a comment',
      'account.X.label',
      'account.X.key.Y.port\tlegacy',
      'key.{i}.name\tone two',
      'key.7.name',
      'P47',
      '',
    ].join('\n'),
  );

  test('numbers from 1 stand in the place of an index, and nothing else does', () => {
    assert.deepEqual(findName(names, 'account.12.label'), { known: true, tag: null });
    assert.deepEqual(findName(names, 'account.1.key.2.port'), { known: true, tag: 'legacy' });
    assert.deepEqual(findName(names, 'key.3.name'), { known: true, tag: 'one two' });
    assert.deepEqual(findName(names, 'key.7.name'), { known: true, tag: null }, 'a name itself goes before a pattern');
    assert.deepEqual(findName(names, 'P47'), { known: true, tag: null });
    for (const name of [
      'account.0.label',
      'account.X.label',
      'account.01.label',
      'account.x.label',
      'account..label',
      'account.1.Label',
      'P48',
    ]) {
      assert.equal(findName(names, name).known, false, name);
    }
  });

  test('a list that is not in order is refused with its line', () => {
    for (const text of ['a b', 'a\tb\tc', 'a\t', '{j}.x', 'x\nx']) {
      assert.throws(() => loadParameterNames(text), /^Error: line [12]: must be a name/, JSON.stringify(text));
    }
  });

  test('old and doubtful names are warned of, with what to do', () => {
    const rules = {
      names: loadParameterNames('old.name\tlegacy\nrare.name\tunverified\nfine.name\tgxp'),
      reserved: [],
    };
    assert.match(JSON.stringify(checkParameter(rules, 'old.name')), /"warning".*old spelling/);
    assert.match(JSON.stringify(checkParameter(rules, 'rare.name')), /"warning".*try it on one phone/);
    assert.deepEqual(checkParameter(rules, 'fine.name'), { state: 'ok' });
  });

  test('reserved outweighs everything else, whole names only', () => {
    const reserved = [{ pattern: 'a\\.b|c', reason: 'is ours; leave it' }];
    for (const name of ['a.b', 'c', 'C']) {
      assert.deepEqual(checkParameter({ names, reserved }, name), {
        state: 'refused',
        message: `${name} is ours; leave it`,
      });
    }
    for (const name of ['a.b.c', 'xc', 'cx'])
      assert.equal(checkParameter({ names, reserved }, name).state, 'warning', name);
  });

  test('any text gets a verdict', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 140 }), (text) => {
        assert.ok(['ok', 'warning', 'refused'].includes(checkParameter(RULES.yealink, text).state));
      }),
      { numRuns: 300 },
    );
  });
});
