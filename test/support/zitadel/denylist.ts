/** Hosts that ZITADEL's own HTTP client refuses: `ZITADEL_HTTPCLIENT_DENYLIST`. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';

/** As of v4.17.1. */
export const DEFAULT_DENYLIST: readonly string[] = [
  'localhost',
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '::/128',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
];

/** Whether one of the host's addresses is on the list; a host that does not resolve is not. */
export async function isDenied(url: string, denylist: readonly string[]): Promise<boolean> {
  if (denylist.length === 0) return false;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (denylist.includes(host)) return true;
  const found = isIP(host)
    ? [host]
    : await lookup(host, { all: true }).then(
        (all) => all.map((one) => one.address),
        () => [],
      );
  const blocked = new BlockList();
  for (const entry of denylist) {
    const [address = '', bits] = entry.split('/');
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    if (isIP(address)) blocked.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return found.some((address) => blocked.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
}
