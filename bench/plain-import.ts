/** The plainest import anybody would write: pages of rows, posted, and nothing remembered. Prints the seconds it took. */
import pg from 'pg';

const [databaseUrl, target, size = '200', atOnce = '2'] = process.argv.slice(2);
const client = new pg.Client({ connectionString: databaseUrl });
await client.connect();
const startMs = performance.now();
const underWay = new Set<Promise<unknown>>();
for (let after = 0; ; ) {
  const { rows } = await client.query('select * from users where id > $1 order by id limit $2', [
    after,
    Number(size),
  ]);
  if (rows.length === 0) break;
  after = rows.at(-1).id;
  const identities = rows.map((row, at) => ({
    patch_id: `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`,
    create: {
      schema_id: 'default',
      external_id: `shop:${row.id}`,
      traits: { email: row.email, username: row.login },
      verifiable_addresses: [{ value: row.email, verified: true, via: 'email', status: 'completed' }],
      credentials: {
        password: { config: { hashed_password: row.password } },
        oidc: { config: { providers: [{ provider: 'footbridge', subject: `shop:${row.id}` }] } },
      },
      metadata_admin: { legacy_id: String(row.id) },
    },
  }));
  const call = fetch(`${target}/admin/identities`, { method: 'PATCH', body: JSON.stringify({ identities }) })
    .then((response) => response.json())
    .finally(() => underWay.delete(call));
  underWay.add(call);
  if (underWay.size >= Number(atOnce)) await Promise.race(underWay);
}
await Promise.all(underWay);
await client.end();
process.stdout.write(`${(performance.now() - startMs) / 1_000}\n`);
