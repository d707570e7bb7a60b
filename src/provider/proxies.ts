/** The reverse proxies whose word about an address is believed: single addresses, and ranges as `10.0.0.0/8` (RFC 4632, RFC 4291). */
import { BlockList, isIP } from 'node:net';

/** IPv4 in IPv6 clothing is IPv4. */
export const normalAddress = (address: string): string =>
  address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Whether it is an address, or an address and how many of its bits count. */
export function isAddressOrRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32));
}

export function proxiesOf(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    const plain = normalAddress(address);
    if (bits === undefined) list.addAddress(plain, familyOf(plain));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}
