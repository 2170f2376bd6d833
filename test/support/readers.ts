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

function readYealink(files: Files): ReadLine[] {
  const all = readLinesFormat(find(files, '.cfg'));
  const lines: ReadLine[] = [];
  for (let number = 1; value(all, `account.${number}.enable`) === '1'; number++) {
    const get = (name: string) => value(all, `account.${number}.${name}`);
    const proxied = get('outbound_proxy_enable') === '1';
    // Port 0 with transport 3 asks NAPTR, then SRV; naptr_build 0 asks for UDP alone when there is no NAPTR.
    const srvSwitch = get('sip_server.1.port') === '0' && get('sip_server.1.transport_type') === '3';
    const stays = ['register_on_enable', 'only_signal_with_registered', 'failback_subscribe.enable'].every(
      (name) => get(`sip_server.1.${name}`) === '1' && (!proxied || get(`outbound_proxy.1.${name}`) === '1'),
    );
    const back =
      get('sip_server.1.failback_mode') === '3' && (!proxied || get('outbound_proxy.1.failback_mode') === '3');
    lines.push({
      user: get('user_name'),
      authUser: get('auth_name'),
      password: get('password'),
      displayName: get('display_name'),
      label: get('label'),
      server: get('sip_server.1.address'),
      secondServer: get('sip_server.2.address'),
      proxy: proxied ? get('outbound_proxy.1.address') : '',
      secondProxy: get('outbound_proxy.2.address'),
      asksSrv: srvSwitch && (!proxied || get('outbound_proxy.1.port') === '0'),
      transport: { '0': 'udp', '1': 'from NAPTR' }[get('naptr_build')] as ReadLine['transport'],
      expiresS: Number(get('sip_server.1.expires')),
      failbackS: stays && back ? Number(get('sip_server.1.failback_timeout')) : null,
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
  for (let number = 1; all.has(`reg.${number}.address`); number++) {
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
  label: [],
  server: [47, 747],
  second: [967, 987],
  proxy: [48, 748],
  secondProxy: [2333, 2433],
  user: [35, 735],
  authUser: [36, 736],
  password: [34, 734],
  display: [3, 703],
  dnsMode: [103, 702],
  failover: [],
  transport: [130, 830],
  expires: [32, 732],
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
  transport: 'sip.transport',
  expires: 'sip.registerExpiration',
};
type GrandstreamField = keyof typeof ITEMS;

function readGrandstream(files: Files, family: string): ReadLine[] {
  const all = readElements(find(files, '.xml'));
  const table: Partial<Record<GrandstreamField, number[]>> = family.startsWith('ht') ? ADAPTER_P : DESK_P;
  const byItem = [...all.keys()].some((name) => name.startsWith('account.'));
  const lines: ReadLine[] = [];
  for (let index = 0; index < 6; index++) {
    const name = (field: GrandstreamField) =>
      byItem ? `account.${index + 1}.${ITEMS[field]}` : `P${table[field]?.[index]}`;
    const get = (field: GrandstreamField) => value(all, name(field));
    if (!['1', 'Yes'].includes(get('active'))) break;
    const hosts = [get('server'), get('proxy')];
    const failover = get('failover');
    lines.push({
      user: get('user'),
      authUser: get('authUser'),
      password: get('password'),
      displayName: get('display'),
      label: table.label?.length === 0 ? null : get('label'),
      server: get('server'),
      secondServer: get('second'),
      proxy: get('proxy'),
      secondProxy: get('secondProxy'),
      asksSrv: ['1', '2', 'SRV', 'NaptrOrSrv'].includes(get('dnsMode')) && hosts.every((host) => !host.includes(':')),
      transport: ({ 0: 'udp', 1: 'tcp', 2: 'tls', UDP: 'udp', TCP: 'tcp' } as const)[get('transport')] ?? 'wrong',
      expiresS: 60 * Number(get('expires')),
      failbackS:
        failover === 'SavedOneUntilFailbackTimeout'
          ? 60 * Number(value(all, `account.${index + 1}.network.failbackTimer`))
          : failover === '1'
            ? 'srv ttl'
            : null,
    });
  }
  return lines;
}

/** Reads all lines of a phone from its files. */
export function readPhone(vendor: string, family: string, files: Files): ReadLine[] {
  switch (vendor) {
    case 'yealink':
      return readYealink(files);
    case 'polycom':
      return readPolycom(files);
    case 'grandstream':
      return readGrandstream(files, family);
    default:
      throw new Error(`no reader for ${vendor}: write one that shares nothing with its templates`);
  }
}
