/** Where ZITADEL's two logins take people back to. */
import type { Context } from './context.ts';
import { documentOf, probe } from './probe.ts';

const LOGIN_V1 = '/ui/login/login/externalidp/callback';
const INTENTS = '/idps/callback';

/** Both: which one comes depends on the login in use, and may change with it. */
export async function redirectUrisOf(context: Context): Promise<string[]> {
  const origin = await publicOrigin(context);
  return [`${origin}${LOGIN_V1}`, `${origin}${INTENTS}`];
}

/** As people see ZITADEL, which may be another origin than the one we reach its API by. */
export async function publicOrigin({ target }: Context): Promise<string> {
  const { url } = target.api!;
  const answer = await probe(`${url}/.well-known/openid-configuration`).catch(() => undefined);
  const issuer = answer && documentOf(answer)?.issuer;
  return typeof issuer === 'string' && URL.canParse(issuer) ? new URL(issuer).origin : url;
}
