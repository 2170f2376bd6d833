// Reads rendered files back as a phone would, to see what they really say. Shares nothing with the templates, the code
// tables or the encoder: the numbers here are copied from the vendors' manuals, the XML is read by another library.
import { SaxesParser } from 'saxes';

/** One line as the phone understands it. Empty text means that nothing is set. */
export type ReadLine = {
  user: string;
  authUser: string;
  password: string;
  displayName: string;
  label: string | null;
  server: string;
  secondServer: string;
  proxy: string;
  secondProxy: string;
  /** Does the phone ask DNS for SRV records of server and proxy, given its address, port and switches? */
  asksSrv: boolean;
  /** The transports that the phone may end up with. */
  transport: 'udp' | 'tcp' | 'tls' | 'from NAPTR' | 'wrong';
  expiresS: number;
  /** Stays on the primary and returns to it in this many seconds; null when the phone has no such setting. */
  failbackS: number | 'srv ttl' | null;
};

export type Files = ReadonlyMap<string, string>;
export type Parameters = Map<string, string>;

const find = (files: Files, end: string): string => {
  const found = [...files].find(([name]) => name.endsWith(end));
  if (found === undefined) throw new Error(`no file ends with ${end}`);
  return found[1];
};

const set = (parameters: Parameters, name: string, value: string) => {
  if (parameters.has(name)) throw new Error(`${name} is given twice`);
  parameters.set(name, value);
};

/** `name = value` lines after the version header; a name may stand once. */
export function readLinesFormat(text: string): Parameters {
  const [first, ...rest] = text.split('\n');
  if (first !== '#!version:1.0.0.1') throw new Error('the first line is not the version header');
  const parameters: Parameters = new Map();
  for (const line of rest) {
    if (line === '') continue;
    const at = line.indexOf('=');
    if (at < 0) throw new Error('a line is not name = value');
    // The phone trims both sides.
    set(parameters, line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return parameters;
}

type XmlElement = { name: string; attributes: Record<string, string>; text: string };

function readXml(text: string): XmlElement[] {
  const elements: XmlElement[] = [];
  const open: XmlElement[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes: { ...attributes }, text: '' };
    elements.push(element);
    open.push(element);
  });
  parser.on('text', (piece) => {
    const last = open.at(-1);
    if (last) last.text += piece;
  });
  parser.on('closetag', () => void open.pop());
  parser.write(text).close();
  return elements;
}

/** Every attribute of every element but the root and the XML declaration; a name may stand once in the file. */
export function readAttributes(text: string): Parameters {
  const parameters: Parameters = new Map();
  for (const { attributes } of readXml(text)) {
    for (const [name, value] of Object.entries(attributes)) set(parameters, name, value);
  }
  return parameters;
}

/** `<P47>value</P47>` and `<item name="…">value</item>` below `<config>`. */
export function readElements(text: string): Parameters {
  const parameters: Parameters = new Map();
  for (const { name, attributes, text: value } of readXml(text)) {
    if (['gs_provision', 'config', 'mac'].includes(name)) continue;
    set(parameters, name === 'item' ? (attributes.name ?? '') : name, value);
  }
  return parameters;
}

const NOT_SET = ['', '%NULL%'];
const value = (parameters: Parameters, name: string): string => {
  const found = parameters.get(name) ?? '';
  return NOT_SET.includes(found) ? '' : found;
};

/** Where a family keeps what belongs to a line's server: name in our words → parameter, for the line with this number. */
type YealinkNames = {
  server(number: number, all: Parameters): string;
  proxy(number: number, all: Parameters): string;
  proxyOn: string;
  /** The word that makes the phone ask NAPTR and SRV when the port is 0. */
  transport(number: number, all: Parameters): string;
  /** What must be 1 for a phone to stay where it is registered, below `account.N.sip_server.1`. */
  stays: readonly string[];
  /** Does the proxy have a failback of its own? */
  proxyFailback: boolean;
};

const STAYS = ['register_on_enable', 'only_signal_with_registered', 'failback_subscribe.enable'];

const inAccount: YealinkNames = {
  server: (number) => `account.${number}.sip_server`,
  proxy: (number) => `account.${number}.outbound_proxy`,
  proxyOn: '_enable',
  transport: (number) => `account.${number}.sip_server.1.transport_type`,
  stays: STAYS,
  proxyFailback: true,
};

const YEALINK_NAMES: Record<string, YealinkNames> = {
  desk: inAccount,
  // Before V80 the transport belongs to the account, and two of the switches do not exist.
  legacy: {
    ...inAccount,
    transport: (number) => `account.${number}.transport`,
    stays: ['register_on_enable'],
    proxyFailback: false,
  },
  // An account names a server template; failover stays with the account.
  multicell: {
    server: (number, all) => `template.${value(all, `account.${number}.sip_server.template`)}.sip_server`,
    proxy: (number, all) => `template.${value(all, `account.${number}.sip_server.template`)}.outbound`,
    proxyOn: '.enable',
    transport: (number, all) =>
      `template.${value(all, `account.${number}.sip_server.template`)}.sip_server.1.transport_type`,
    stays: STAYS,
    proxyFailback: false,
  },
};

function readYealink(files: Files, family: string): ReadLine[] {
  const all = readLinesFormat(find(files, '.cfg'));
  const names = YEALINK_NAMES[family];
  if (names === undefined) throw new Error(`no reader for the family ${family}`);
  const lines: ReadLine[] = [];
  for (let number = 1; value(all, `account.${number}.enable`) === '1'; number++) {
    const get = (name: string) => value(all, `account.${number}.${name}`);
    const server = (name: string) => value(all, `${names.server(number, all)}.${name}`);
    const proxy = (name: string) => value(all, `${names.proxy(number, all)}${name}`);
    const proxied = proxy(names.proxyOn) === '1';
    const both = (name: string, wanted: string) =>
      get(`sip_server.1.${name}`) === wanted &&
      (!proxied || !names.proxyFailback || get(`outbound_proxy.1.${name}`) === wanted);
    const stays = names.stays.every((name) => both(name, '1')) && both('failback_mode', '3');
    // Port 0 with transport 3 asks NAPTR, then SRV; naptr_build 0 asks for UDP alone when there is no NAPTR.
    const srvSwitch = server('1.port') === '0' && value(all, names.transport(number, all)) === '3';
    lines.push({
      user: get('user_name'),
      authUser: get('auth_name'),
      password: get('password'),
      displayName: get('display_name'),
      label: get('label'),
      server: server('1.address'),
      secondServer: server('2.address'),
      proxy: proxied ? proxy('.1.address') : '',
      secondProxy: proxy('.2.address'),
      asksSrv: srvSwitch && (!proxied || proxy('.1.port') === '0'),
      transport: ({ '0': 'udp', '1': 'from NAPTR' } as const)[get('naptr_build')] ?? 'wrong',
      expiresS: Number(server('1.expires')),
      failbackS: stays ? Number(get('sip_server.1.failback_timeout')) : null,
    });
  }
  return lines;
}

function readPolycom(files: Files): ReadLine[] {
  const manifest = readAttributes(
    find(files, [...files.keys()].find((name) => /^[0-9a-f]{12}\.cfg$/.test(name)) ?? ''),
  );
  const all: Parameters = new Map();
  // The file further left wins, so the last one is read first.
  for (const name of (manifest.get('CONFIG_FILES') ?? '').split(',').reverse()) {
    for (const [key, entry] of readAttributes(find(files, name.trim()))) all.set(key, entry);
  }
  const lines: ReadLine[] = [];
  // Lines that are not in use are there too, and empty.
  for (let number = 1; value(all, `reg.${number}.address`) !== ''; number++) {
    const get = (name: string) => value(all, `reg.${number}.${name}`);
    const proxied = get('outboundProxy.address') !== '';
    const transports = { DNSnaptr: 'from NAPTR', UDPOnly: 'udp', TCPOnly: 'tcp', TLS: 'tls' } as const;
    const levels = proxied ? ['server.1', 'outboundProxy'] : ['server.1'];
    const flags = ['reRegisterOn', 'failRegistrationOn', 'onlySignalWithRegistered'];
    const stays = levels.every(
      (level) =>
        flags.every((flag) => get(`${level}.failOver.${flag}`) === '1') &&
        get(`${level}.failOver.failBack.mode`) === 'duration',
    );
    lines.push({
      user: get('address'),
      authUser: get('auth.userId'),
      password: get('auth.password'),
      displayName: get('displayName'),
      label: get('label'),
      server: get('server.1.address'),
      secondServer: get('server.2.address'),
      proxy: get('outboundProxy.address'),
      secondProxy: '',
      asksSrv: levels.every(
        (level) => ['0', ''].includes(get(`${level}.port`)) && get(`${level}.transport`) in transports,
      ),
      transport: transports[get('server.1.transport') as keyof typeof transports] ?? 'wrong',
      expiresS: Number(get('server.1.expires')),
      failbackS: stays ? Number(get('server.1.failOver.failBack.timeout')) : null,
    });
  }
  return lines;
}

// P-values by account, from the vendor's own templates for desk phones (six accounts) and adapters (two ports).
const DESK_P = {
  active: [271, 401, 501, 601, 1701, 1801],
  label: [270, 417, 517, 617, 1717, 1817],
  server: [47, 402, 502, 602, 1702, 1802],
  second: [2312, 2412, 2512, 2612, 2712, 2812],
  proxy: [48, 403, 503, 603, 1703, 1803],
  secondProxy: [2333, 2433, 2533, 2633, 2733, 2833],
  user: [35, 404, 504, 604, 1704, 1804],
  authUser: [36, 405, 505, 605, 1705, 1805],
  password: [34, 406, 506, 606, 1706, 1806],
  display: [3, 407, 507, 607, 1707, 1807],
  dnsMode: [103, 408, 508, 608, 1708, 1808],
  failover: [26040, 26140, 26240, 26340, 26440, 26540],
  transport: [130, 448, 548, 648, 1748, 1848],
  expires: [32, 412, 512, 612, 1712, 1812],
};
const ADAPTER_P = {
  active: [271, 401],
  server: [47, 747],
  second: [967, 987],
  proxy: [48, 748],
  secondProxy: [2333, 2433],
  user: [35, 735],
  authUser: [36, 736],
  password: [34, 734],
  display: [3, 703],
  dnsMode: [103, 702],
  failover: [26040, 26140],
  transport: [130, 830],
  expires: [32, 732],
};
// Where ports hold names and passwords and point at a profile, counted from zero, that holds the rest.
const PORT_P = { active: 4595, user: 4060, authUser: 4090, password: 4120, profile: 4150, display: 4180 };
const PROFILE_P = {
  profileActive: [271, 401, 501, 601],
  server: [47, 747, 547, 602],
  second: [967, 987, 997, 998],
  proxy: [48, 748, 548, 603],
  secondProxy: [2333, 2433],
  dnsMode: [103, 702, 502, 608],
  transport: [130, 830, 530, 4648],
  expires: [32, 732, 532, 612],
};
const ITEMS = {
  active: 'enable',
  label: 'name',
  server: 'sip.server.1.address',
  second: 'sip.server.2.address',
  proxy: 'sip.outboundProxy.1.address',
  secondProxy: 'sip.outboundProxy.2.address',
  user: 'sip.userid',
  authUser: 'sip.subscriber.userid',
  password: 'sip.subscriber.password',
  display: 'sip.subscriber.name',
  dnsMode: 'network.dnsMode',
  failover: 'network.dnsSRVFailoverMode',
  failback: 'network.failbackTimer',
  transport: 'sip.transport',
  expires: 'sip.registerExpiration',
};
type GrandstreamField = keyof typeof ITEMS;
/** The parameter that holds a field of the line with this index, counted from zero; undefined when there is none. */
type GrandstreamNames = (field: GrandstreamField, index: number, all: Parameters) => string | undefined;

type Numbers = Partial<Record<GrandstreamField, readonly number[]>>;
const asP = (number: number | undefined) => (number === undefined ? undefined : `P${number}`);
const byNumber =
  (table: Numbers): GrandstreamNames =>
  (field, index) =>
    asP(table[field]?.[index]);

const byItem =
  (items: Record<GrandstreamField, string>): GrandstreamNames =>
  (field, index) =>
    `account.${index + 1}.${items[field]}`;

const lowerCase = Object.fromEntries(
  Object.entries(ITEMS).map(([field, name]) => [field, name.toLowerCase()]),
) as typeof ITEMS;

const byPort: GrandstreamNames = (field, index, all) => {
  const profile = Number(value(all, `P${PORT_P.profile + index}`));
  const profileOn = value(all, `P${PROFILE_P.profileActive[profile]}`) === '1';
  if (field === 'active') return profileOn ? `P${PORT_P.active + index}` : undefined;
  const ports: Partial<Record<GrandstreamField, number>> = PORT_P;
  const ofPort = ports[field];
  const profiles: Numbers = PROFILE_P;
  return ofPort === undefined ? asP(profiles[field]?.[profile]) : asP(ofPort + index);
};

const GRANDSTREAM_NAMES: Record<string, GrandstreamNames> = {
  gxp14: byNumber(DESK_P),
  gxp16: byNumber(DESK_P),
  gxp17: byNumber(DESK_P),
  gxp21: byNumber(DESK_P),
  gxp2160: byNumber(DESK_P),
  gxv32: byNumber(DESK_P),
  wp8: byNumber(DESK_P),
  ht70: byNumber(ADAPTER_P),
  ht80: byNumber(ADAPTER_P),
  ht80v2: byNumber(ADAPTER_P),
  ht813: byNumber(ADAPTER_P),
  ht704: byPort,
  ht81: byPort,
  dp75: byPort,
  grp: byItem(ITEMS),
  ghp: byItem(lowerCase),
  gxv33: byItem({ ...ITEMS, authUser: 'sip.subscriber.userId' }),
  wp8x6: byItem({ ...ITEMS, authUser: 'sip.subscriber.userId' }),
};

const UNTIL_TIMER = ['SavedOneUntilFailbackTimeout', 'SavedWhenFailback'];
const UNTIL_TTL = ['SavedOneUntilDNSTTL', '1'];

function readGrandstream(files: Files, family: string): ReadLine[] {
  const all = readElements(find(files, '.xml'));
  const names = GRANDSTREAM_NAMES[family];
  if (names === undefined) throw new Error(`no reader for the family ${family}`);
  const lines: ReadLine[] = [];
  for (let index = 0; ; index++) {
    const get = (field: GrandstreamField) => {
      const name = names(field, index, all);
      return name === undefined ? '' : value(all, name);
    };
    if (!['1', 'Yes'].includes(get('active'))) return lines;
    const hosts = [get('server'), get('proxy')];
    const backAfterTimer = UNTIL_TIMER.includes(get('failover')) ? 60 * Number(get('failback')) : null;
    lines.push({
      user: get('user'),
      authUser: get('authUser'),
      password: get('password'),
      displayName: get('display'),
      label: names('label', index, all) === undefined ? null : get('label'),
      server: get('server'),
      secondServer: get('second'),
      proxy: get('proxy'),
      secondProxy: get('secondProxy'),
      asksSrv: ['1', '2', 'SRV', 'NaptrOrSrv'].includes(get('dnsMode')) && hosts.every((host) => !host.includes(':')),
      transport: ({ 0: 'udp', 1: 'tcp', 2: 'tls', UDP: 'udp', TCP: 'tcp' } as const)[get('transport')] ?? 'wrong',
      expiresS: 60 * Number(get('expires')),
      failbackS: UNTIL_TTL.includes(get('failover')) ? 'srv ttl' : backAfterTimer,
    });
  }
}

const SNOM_CONTAINERS = ['settings', 'phone-settings', 'functionKeys', 'firmware-settings', 'setting-files'];

/**
 * The settings of a phone's file under their names, with the index behind a dot where they have one; of function keys what
 * they say of themselves too, and the files of a list under their number.
 */
export function readSettings(text: string): Parameters {
  const parameters: Parameters = new Map();
  let files = 0;
  for (const { name, attributes, text: content } of readXml(text)) {
    const { idx, perm: _perm, url, ...others } = attributes;
    if (SNOM_CONTAINERS.includes(name)) continue;
    if (url !== undefined) {
      files++;
      set(parameters, `${name}.${files}`, url);
      continue;
    }
    const key = idx === undefined ? name : `${name}.${idx}`;
    set(parameters, key, content);
    for (const [attribute, entry] of Object.entries(others)) set(parameters, `${key}.${attribute}`, entry);
  }
  return parameters;
}

/** `host:port;transport=tls`, and what stands behind a comma. */
function readRoute(text: string) {
  const [first = '', second = ''] = text.split(',');
  const [place = '', ...options] = first.split(';');
  const [host = '', port = ''] = place.split(':');
  return { host, port, transport: options.map((option) => /^transport=(.*)$/.exec(option)?.[1]).find(Boolean), second };
}

function readSnom(files: Files): ReadLine[] {
  const all: Parameters = new Map();
  const listed = readSettings(find(files, [...files.keys()].find((name) => /^[0-9a-f]{12}\.xml$/.test(name)) ?? ''));
  // A later file wins. The phonebook is the tenant's, not the phone's.
  for (const url of listed.values()) {
    const name = url.slice(url.lastIndexOf('/') + 1);
    if (!files.has(name)) continue;
    for (const [key, entry] of readSettings(files.get(name) ?? '')) all.set(key, entry);
  }
  const lines: ReadLine[] = [];
  for (let number = 1; value(all, `user_active.${number}`) === 'on'; number++) {
    const get = (name: string) => value(all, `user_${name}.${number}`);
    const [registrar, outbound] = [readRoute(get('host')), readRoute(get('outbound'))];
    // The phone asks NAPTR and SRV for names without a port. What stands in the outbound proxy decides the transport.
    const routes = outbound.host === '' ? [registrar] : [registrar, outbound];
    const named = (outbound.host === '' ? registrar : outbound).transport;
    lines.push({
      user: get('name'),
      authUser: get('pname'),
      password: get('pass'),
      displayName: get('realname'),
      label: get('idle_text'),
      server: registrar.host,
      secondServer: get('failover_identity') === 'none' ? registrar.second : get('failover_identity'),
      // The registrar itself as the proxy is there for its transport only.
      proxy: outbound.host === registrar.host ? '' : outbound.host,
      secondProxy: outbound.second,
      asksSrv: routes.every(({ host, port }) => port === '' && /[a-z]$/.test(host)),
      transport:
        named === undefined ? 'from NAPTR' : (({ udp: 'udp', tcp: 'tcp', tls: 'tls' } as const)[named] ?? 'wrong'),
      expiresS: Number(get('expiry')),
      failbackS: Number(value(all, 'dirty_host_ttl')),
    });
  }
  return lines;
}

/** Reads all lines of a phone from its files. */
export function readPhone(vendor: string, family: string, files: Files): ReadLine[] {
  switch (vendor) {
    case 'yealink':
      return readYealink(files, family);
    case 'polycom':
      return readPolycom(files);
    case 'grandstream':
      return readGrandstream(files, family);
    case 'snom':
      return readSnom(files);
    default:
      throw new Error(`no reader for ${vendor}: write one that shares nothing with its templates`);
  }
}
