/** Getting in and out: an invitation, an account elsewhere, and signing out. */
import type Router from '@koa/router';
import type { Context } from 'koa';
import { FootbridgeError } from '../../errors.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { SignInFailed } from '../../targets/sign-in.ts';
import { SIGN_IN_SECONDS, sessionCookie, signInCookie } from './cookies.ts';
import { redeem } from './invitations.ts';
import { nameOf } from './operators.ts';
import { endSessions, idOf, newToken, startParts } from './sessions.ts';
import type { Checks, OperatorSignIn } from './sign-in.ts';
import type { Stage } from './stage.ts';
import { formOf, needSession, ownForm, ownOrigin, sessionOf, show } from './stage.ts';
import type { Tries } from './tries.ts';

export const SIGN_IN_AT = '/admin/sign-in';

export interface SignInDeps {
  readonly stage: Stage;
  /** Undefined: only invitations open the console. */
  readonly signIn: OperatorSignIn | undefined;
  readonly tries: Tries;
}

type Problem = 'invitation' | 'cancelled' | 'refused' | 'unavailable' | 'no-role' | 'expired';
const STATUS: Readonly<Record<Problem, number>> = {
  invitation: 403,
  cancelled: 403,
  refused: 403,
  unavailable: 503,
  'no-role': 403,
  expired: 403,
};

/** Only a path of the console: nobody is sent elsewhere. */
export const onwardIn = (to: string | null | undefined): string =>
  to && /^\/admin(?:$|[/?](?!\/))[^\\\u0000-\u0020]*$/.test(to) && !to.startsWith(SIGN_IN_AT) ? to : '/admin';

export function addSignIn(router: Router, deps: SignInDeps): void {
  router.get(SIGN_IN_AT, (ctx) => {
    if (sessionOf(ctx as Context)) return ctx.redirect(onwardIn(new URLSearchParams(ctx.search).get('to')));
    return signInPage(ctx as Context, deps);
  });
  router.get(`${SIGN_IN_AT}/begin`, (ctx) => begin(ctx as Context, deps));
  router.get(`${SIGN_IN_AT}/callback`, (ctx) => callback(ctx as Context, deps));
  router.get(`${SIGN_IN_AT}/invitation`, (ctx) => invitationPage(ctx as Context, deps, undefined));
  router.post(`${SIGN_IN_AT}/invitation`, (ctx) => redeemed(ctx as Context, deps));
  router.post('/admin/sign-out', (ctx) => signOut(ctx as Context, deps));
}

function signInPage(ctx: Context, { stage, signIn }: SignInDeps, problem?: Problem, code?: string): void {
  const query = new URLSearchParams(ctx.search);
  const isOut = query.has('out');
  const to = onwardIn(query.get('to'));
  const begins = new URLSearchParams({
    ...(to === '/admin' ? {} : { to }),
    ...(isOut || problem ? { again: '' } : {}),
  });
  const data = {
    issuer: signIn && new URL(signIn.issuer).host,
    beginHref: `${SIGN_IN_AT}/begin${begins.size > 0 ? `?${begins}` : ''}`,
    isOut,
    // A session's cookie does not come along from another site: one more step from a page of ours brings it.
    elsewhere: ctx.get('sec-fetch-site') === 'cross-site' && !problem && query.has('to') ? to : undefined,
    problem,
    code,
  };
  show(ctx, stage, { title: 'Sign in', template: 'sign-in', data }, problem ? STATUS[problem] : 200);
}

function invitationPage(ctx: Context, { stage }: SignInDeps, problem: Problem | undefined): void {
  show(
    ctx,
    stage,
    { title: 'You are invited', template: 'invitation', data: { problem } },
    problem ? STATUS[problem] : 200,
  );
}

async function redeemed(ctx: Context, deps: SignInDeps): Promise<void> {
  const { stage, tries } = deps;
  const address = ctx.req.socket.remoteAddress ?? '';
  tries.need(address);
  const token = ((await formOf(ctx)).get('token') ?? '').trim().replace(/^.*#/, '');
  const before = sessionCookie.read(ctx);
  const found = await redeem(
    stage.desk.db,
    { token, now: stage.now(), replaces: before === undefined ? undefined : idOf(before) },
    stage.settings,
  );
  if (!found) {
    tries.failed(address);
    return invitationPage(ctx, deps, 'invitation');
  }
  sessionCookie.set(ctx, ownOrigin(ctx), found.token);
  ctx.redirect('/admin');
  ctx.status = 303;
}

/** A purpose of its own: nothing else sealed opens as this. */
const SEALED = 'console-sign-in';

async function begin(ctx: Context, deps: SignInDeps): Promise<void> {
  const { stage, signIn } = deps;
  if (!signIn) throw new FootbridgeError('not_found');
  const query = new URLSearchParams(ctx.search);
  try {
    const { url, checks } = await signIn.begin({
      redirectUri: `${ownOrigin(ctx)}${SIGN_IN_AT}/callback`,
      onward: onwardIn(query.get('to')),
      until: secondsOf(stage) + SIGN_IN_SECONDS,
      isAgain: query.has('again'),
    });
    signInCookie.set(ctx, ownOrigin(ctx), stage.desk.keyring.seal(SEALED, JSON.stringify(checks), ''));
    ctx.redirect(url);
    ctx.status = 303;
  } catch (error) {
    signInFailed(ctx, deps, error);
  }
}

const secondsOf = ({ now }: Stage): number => Math.floor(now().getTime() / 1_000);

async function callback(ctx: Context, deps: SignInDeps): Promise<void> {
  const { stage, signIn } = deps;
  if (!signIn) throw new FootbridgeError('not_found');
  const query = new URLSearchParams(ctx.search);
  const checks = checksIn(ctx, stage);
  if (!checks || !stage.desk.keyring.equal(query.get('state') ?? '', checks.state))
    return signInPage(ctx, deps, 'expired');
  signInCookie.clear(ctx, ownOrigin(ctx));
  try {
    const { role, ...there } = await signIn.finish(query, checks);
    const { db } = stage.desk;
    const name = await nameOf(db, there);
    if (!role) {
      await appendAudit(db, {
        actor: 'console',
        action: 'console.refused',
        detail: { name, via: there.issuer },
      });
      return signInPage(ctx, deps, 'no-role');
    }
    const { token, id } = newToken();
    const before = sessionCookie.read(ctx);
    const operator = {
      name: 'operator',
      text: 'select $1::text as name, $2::text as role, $3::text as subject',
      values: [name, role, there.subject],
    };
    const start = { id, via: there.issuer, now: stage.now(), replaces: before ? idOf(before) : undefined };
    await db.runParts([operator, ...startParts(start, stage.settings, 'operator')], 'select 1');
    sessionCookie.set(ctx, ownOrigin(ctx), token);
    // By a step of this page's own: a redirect would still come from there, and without the cookie.
    show(ctx, stage, {
      title: 'Signed in',
      template: 'onward',
      data: { to: checks.onward },
      onward: checks.onward,
    });
  } catch (error) {
    signInFailed(ctx, deps, error);
  }
}

function checksIn(ctx: Context, stage: Stage): Checks | undefined {
  const opened = stage.desk.keyring.open(SEALED, signInCookie.read(ctx) ?? '', '');
  const checks = opened && (JSON.parse(opened.toString('utf8')) as Checks);
  return checks && checks.until > secondsOf(stage) ? checks : undefined;
}

function signInFailed(ctx: Context, deps: SignInDeps, error: unknown): void {
  if (!(error instanceof SignInFailed)) throw error;
  deps.stage.log.info({ kind: error.kind, errorCode: error.code }, 'nobody came back from signing in');
  signInPage(ctx, deps, error.kind, error.code);
}

async function signOut(ctx: Context, { stage }: SignInDeps): Promise<void> {
  await ownForm(ctx, stage);
  const { id, name } = needSession(ctx);
  await endSessions(stage.desk.db, { id }, `operator:${name}`);
  sessionCookie.clear(ctx, ownOrigin(ctx));
  ctx.redirect(`${SIGN_IN_AT}?out`);
  ctx.status = 303;
}
