// Raw parameters: every name that our own files hold is one that the phone knows, and no name that could point a phone
// elsewhere can be given by hand.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TRANSPORTS } from '../../src/domain/pool.ts';
import { BINDINGS } from '../../src/domain/tenant.ts';
import { checkParameter, findName } from '../../src/vendors/parameters.ts';
import { fileOf, RULES, VENDORS, type VendorId } from '../support/parameter-rules.ts';
import { type Parameters, readAttributes, readElements, readLinesFormat, readSettings } from '../support/readers.ts';
import { aLine, everyFamily, everyModel, renderAll, type Situation, vendors } from '../support/world.ts';

const READ = { yealink: readLinesFormat, polycom: readAttributes, grandstream: readElements, snom: readSettings };

/** Lists of files to fetch are written in words of their own, not in parameters. */
const isManifest = (name: string) => /^[0-9a-f]{12}\.(?:cfg|boot)$/.test(name);
const HOLDS_PARAMETERS: Record<VendorId, (name: string) => boolean> = {
  // Boot files hold no parameters, and packed files are read in the tests of their own.
  yealink: (name) => name.endsWith('.cfg'),
  polycom: (name) => !isManifest(name),
  grandstream: (name) => name.endsWith('.xml'),
  // All but the list of the other files, which has two names.
  snom: (name) => /-.*\.xml$/.test(name),
};

/** Everything that a phone's files say; a name may stand once in all of them together. */
function emitted(vendor: VendorId, situation: Situation): Parameters {
  const all: Parameters = new Map();
  for (const [file, text] of renderAll(situation)) {
    if (!HOLDS_PARAMETERS[vendor](file)) continue;
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
  [/^GXP20/, ['gxp14', 'gxp21']],
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
      const read = READ[vendor as VendorId];
      for (const [name, text] of renderAll({ phone: { vendor, model } })) {
        if (/\.(xml|cfg|htm)$/.test(name)) assert.ok(read(text).size > 0, model);
      }
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
    snom: [
      ...['user_host.1', 'user_outbound.12', 'user_failover_identity.1', 'user_server_type.1', 'user_proxy_require.1'],
      ...['user_name.1', 'user_pname.1', 'user_pass.1', 'user_hash.1', 'user_active.2', 'user_media_transport_offer.1'],
      ...['user_ringer.1', 'codec_priority_list.1', 'mc_address.1', 'fkey.1', 'fkey.1.label', 'keepalive_interval.1'],
      ...['setting_server', 'settings_refresh_timer', 'provisioning_order', 'pnp_config', 'subscribe_config'],
      ...['dhcp_options_on_inform', 'http_client_pass', 'http_proxy', 'dns_server1', 'dirty_host_ttl'],
      ...['tr69_params', 'tr369_enable', 'network_id_port', 'emergency_proxy'],
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
    snom: ['sip_proxy', 'lcserver1', 'naptr_sip_uri'],
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
    for (const name of ['user_host', 'USER_OUTBOUND', 'User_Pass', 'user_host.01', 'FKEY', 'user_unheard_of']) {
      assert.equal(checkParameter(RULES.snom, name).state, 'refused', name);
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
    snom: ['language', 'ntp_server', 'time_24_format', 'ldap_server', 'dkey_directory', 'vol_ringer', 'phone_name'],
  };
  for (const vendor of VENDORS) {
    test(vendor, () => {
      for (const name of OPEN[vendor]) assert.deepEqual(checkParameter(RULES[vendor], name), { state: 'ok' }, name);
    });
  }
});
