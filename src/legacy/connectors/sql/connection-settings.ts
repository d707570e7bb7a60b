/** Settings of how to reach a database server: its URL, or its parts. */
import { z } from 'zod';
import { secret } from '../../../settings.ts';

const server = z.strictObject({
  host: z.string().min(1).describe('Host name, or the folder of a Unix socket (PostgreSQL).'),
  port: z.int().min(1).max(65_535).optional().describe('Port; by default the engine’s own.'),
  user: z.string().min(1).describe('A role that can only read.'),
  password: secret.optional().describe('Its password.'),
  database: z.string().min(1).describe('Database.'),
  tls: z
    .union([z.boolean(), z.strictObject({ ca: secret.describe('The certificate authority, as PEM.') })])
    .default(false)
    .describe('Encrypts the connection and checks the server’s certificate.'),
});
export const connection = z.union([secret, server]).meta({ id: 'LegacySqlConnection' });
