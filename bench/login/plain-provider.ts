/**
 * What one gets by following oidc-provider's documentation: its own defaults, and an adapter of one table and one knex query
 * per call. `node plain-provider.ts PORT DATABASE-URL`; people are rows of `people` there.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import bcrypt from 'bcrypt';
import knex from 'knex';
import type { AdapterPayload } from 'oidc-provider';
import { Provider } from 'oidc-provider';

const [port = '', url = ''] = process.argv.slice(2);
const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: 10 } });
if (!(await db.schema.hasTable('payloads')))
  await db.schema.createTable('payloads', (table) => {
    table.text('id');
    table.text('model');
    table.jsonb('payload').notNullable();
    table.text('grant_id').index();
    table.text('uid').index();
    table.timestamp('expires_at');
    table.timestamp('consumed_at');
    table.primary(['id', 'model']);
  });

interface Row {
  readonly payload: AdapterPayload;
  readonly expires_at: Date | null;
  readonly consumed_at: Date | null;
}
const fromRow = (row: Row | undefined): AdapterPayload | undefined => {
  if (!row || (row.expires_at && row.expires_at < new Date())) return undefined;
  const consumed = row.consumed_at ? { consumed: Math.floor(row.consumed_at.getTime() / 1000) } : {};
  return { ...row.payload, ...consumed };
};

class TableAdapter {
  readonly model: string;
  constructor(model: string) {
    this.model = model;
  }
  async upsert(id: string, payload: AdapterPayload, expiresIn?: number) {
    await db('payloads')
      .insert({
        id,
        model: this.model,
        payload: JSON.stringify(payload),
        grant_id: payload.grantId,
        uid: payload.uid,
        expires_at: expiresIn ? new Date(Date.now() + expiresIn * 1000) : null,
      })
      .onConflict(['id', 'model'])
      .merge();
  }
  find = async (id: string) => fromRow(await db('payloads').where({ id, model: this.model }).first());
  findByUid = async (uid: string) => fromRow(await db('payloads').where({ uid, model: this.model }).first());
  findByUserCode = async () => undefined;
  async consume(id: string) {
    await db('payloads').where({ id, model: this.model }).update({ consumed_at: new Date() });
  }
  async destroy(id: string) {
    await db('payloads').where({ id, model: this.model }).delete();
  }
  async revokeByGrantId(grantId: string) {
    await db('payloads').where({ grant_id: grantId }).delete();
  }
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const SCOPE = 'openid profile email offline_access';
const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: TableAdapter,
  clients: [
    {
      client_id: 'app',
      client_secret: 'app-secret-0123456789-0123456789',
      redirect_uris: ['http://127.0.0.1:9/cb'],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'k' }] as never },
  cookies: { keys: ['a cookie key that is long enough'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  scopes: ['openid', 'offline_access', 'migration:read'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  interactions: { url: (_ctx, { uid }) => `/login/${uid}` },
  findAccount: async (_ctx, id) => {
    const person = await db('people').where({ id }).first();
    const claims = { sub: id, email: person?.email, email_verified: true, name: person?.name };
    return person && { accountId: id, claims: async () => claims };
  },
  // Its documentation's recipe for clients that need nobody's consent.
  loadExistingGrant: async (ctx) => {
    const { client, session } = ctx.oidc;
    const known = session?.grantIdFor(client!.clientId);
    const grant =
      (known && (await provider.Grant.find(known))) ||
      new provider.Grant({ clientId: client!.clientId, accountId: session!.accountId! });
    grant.addOIDCScope(SCOPE);
    if (!known) await grant.save();
    return grant;
  },
  issueRefreshToken: async (_ctx, client, code) =>
    client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
});
const handle = provider.callback();

createServer((req, res) => {
  if (!req.url?.startsWith('/login/')) return handle(req, res);
  page(req, res).catch((error) => {
    console.error(error);
    res.writeHead(500).end();
  });
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));

async function page(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { uid, prompt, session, params, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === 'consent') {
    const grant =
      (grantId && (await provider.Grant.find(grantId))) ||
      new provider.Grant({ clientId: String(params.client_id), accountId: session!.accountId });
    grant.addOIDCScope(SCOPE);
    const result = { consent: { grantId: await grant.save() } };
    return provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
  }
  if (req.method === 'GET') {
    res.setHeader('content-type', 'text/html; charset=utf-8');
    res.end(
      `<!doctype html><title>Sign in</title><form method="post" action="/login/${uid}"><input name="username"><input type="password" name="password"><button>Sign in</button></form>`,
    );
    return;
  }
  let body = '';
  for await (const chunk of req) body += chunk;
  const form = new URLSearchParams(body);
  const person = await db('people')
    .where({ email: form.get('username') })
    .first();
  if (!person || !(await bcrypt.compare(form.get('password') ?? '', person.hash))) {
    res.writeHead(401).end('wrong');
    return;
  }
  await provider.interactionFinished(req, res, { login: { accountId: person.id } });
}
