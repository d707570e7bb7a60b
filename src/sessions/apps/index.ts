/** The kinds of legacy apps. */
import { handOver } from './hand-over.ts';
import { httpHook } from './http-hook.ts';
import { jwtCookie } from './jwt-cookie.ts';
import { redis } from './redis.ts';
import { sqlTable } from './sql-table.ts';

export const APP_KINDS = {
  'http-hook': httpHook,
  'hand-over': handOver,
  'jwt-cookie': jwtCookie,
  'sql-table': sqlTable,
  redis,
};
