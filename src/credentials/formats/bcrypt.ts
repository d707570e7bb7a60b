/** bcrypt as such, and the frameworks that store it with nothing around it. */
import { BCRYPT, parseBcrypt } from '../crypt-strings.ts';
import { format, formats } from '../format.ts';

const BARE = [
  'auth0-bcrypt',
  'bcryptjs',
  'crypt-bcrypt-2b',
  'devise-bcrypt',
  'joomla4-bcrypt',
  'laravel-bcrypt',
  'php-bcrypt',
  'rails-has_secure_password',
  'unix-bcrypt-2b',
];

export const bcryptFormats = [
  format({ name: 'bcrypt', pattern: BCRYPT, mark: true, read: ([text]) => parseBcrypt(text) }),
  ...formats(BARE, { pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
];
