/** What clients prove themselves with (RFC 7523), beside what the library asks of it. */
import { errors } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';

/** Each assertion is remembered until it ends. */
const ASSERTION_SECONDS = 86_400;

/** One that ends unreasonably far in the future may be refused (RFC 7523 section 3, 4.); most that do are in milliseconds. */
export function assertEndsSoon({ exp }: { readonly exp?: unknown }): void {
  if (typeof exp !== 'number' || exp > nowSeconds() + ASSERTION_SECONDS)
    throw new errors.InvalidClientAuth('the assertion is good for longer than a day');
}
