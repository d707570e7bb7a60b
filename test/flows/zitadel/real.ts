/** The ZITADEL that somebody has, for `npm run test:zitadel`. */

export interface RealZitadel {
  readonly url: string;
  readonly token: string;
}

const NEEDED =
  'npm run test:zitadel needs a ZITADEL: set ZITADEL_URL to its origin, ZITADEL_TOKEN to a personal access token of a ' +
  'service user with the role IAM_OWNER, and FACADE_URL to an origin under which ZITADEL and this machine reach these ' +
  'tests. FACADE_LISTEN (host:port) says where to listen for it, if not at 127.0.0.1 and the port of FACADE_URL.';

export const isRealWanted = (env: NodeJS.ProcessEnv = process.env) => env.FOOTBRIDGE_REAL_ZITADEL === '1';

/** Undefined: the stand-in. Throws a sentence that says what to set. */
export function realZitadel(env: NodeJS.ProcessEnv = process.env): RealZitadel | undefined {
  if (!isRealWanted(env)) return undefined;
  const { ZITADEL_URL: url, ZITADEL_TOKEN: token, FACADE_URL: facade } = env;
  if (!url || !token || !facade) throw new Error(NEEDED);
  return { url: new URL(url).origin, token };
}
