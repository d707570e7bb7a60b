/** What the console's routes share: who is there, and how a page is shown to them. */
import type { Context } from 'koa';
import { readBody } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Log } from '../../observability/log.ts';
import type { AdminSettings } from '../admin-settings.ts';
import type { Desk, Operation } from '../operation.ts';
import type { Who } from '../perform.ts';
import { mayDo } from '../perform.ts';
import type { Assets } from './assets.ts';
import { targetCookie } from './cookies.ts';
import { csrfOf, needCsrf } from './csrf.ts';
import { checkedFields } from './forms.ts';
import type { ConsolePage, PageView } from './page.ts';
import type { Frame, MenuGroup, Rendering } from './rendering.ts';
import type { Runs } from './runs.ts';
import type { OperatorSession } from './sessions.ts';

export interface Stage {
  readonly desk: Desk;
  readonly settings: AdminSettings['console'];
  readonly log: Log;
  readonly now: () => Date;
  readonly assets: Assets;
  readonly rendering: Rendering;
  readonly pages: readonly ConsolePage[];
  readonly operations: readonly Operation[];
  readonly runs: Runs;
}

export interface Shown extends Omit<PageView, 'title'> {
  readonly title: string;
  /** Which page of the menu it belongs to: its path. */
  readonly under?: string;
  readonly onward?: string;
}

const GROUPS = ['Now', 'People', 'Move', 'Record'] as const;

/** Set by `recognise`; undefined on pages that nobody has to be signed in for. */
export const sessionOf = (ctx: Context): OperatorSession | undefined =>
  ctx.state.session as OperatorSession | undefined;

export function needSession(ctx: Context): OperatorSession {
  const session = sessionOf(ctx);
  if (!session) throw new FootbridgeError('unauthorized');
  return session;
}

export const whoIs = ({ name, role }: OperatorSession): Who => ({ name, role });

/** Under which origin this request came. */
export const ownOrigin = (ctx: Context): string => ctx.state.origin as string;

/** The form of a page of ours, sent by whoever is signed in. Throws bad_request, foreign_form. */
export async function formOf(ctx: Context): Promise<URLSearchParams> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw new FootbridgeError('bad_request');
  return checkedFields((await readBody(ctx.req)).toString('utf8'));
}

export async function ownForm(ctx: Context, { desk }: Stage): Promise<URLSearchParams> {
  const form = await formOf(ctx);
  needCsrf(desk.keyring, needSession(ctx).id, form.get('csrf'));
  return form;
}

export function show(ctx: Context, stage: Stage, shown: Shown, status = 200): void {
  ctx.status = status;
  ctx.type = 'html';
  ctx.body = stage.rendering.page(frameOf(ctx, stage, shown), shown.template, shown.data);
}

function frameOf(ctx: Context, stage: Stage, { title, refreshSeconds, under, onward }: Shown): Frame {
  const session = sessionOf(ctx);
  const here = ctx.path + ctx.search;
  return {
    title,
    now: stage.now(),
    here,
    refreshSeconds,
    ...(onward ? { onward } : {}),
    signedIn: session && {
      who: whoIs(session),
      csrf: csrfOf(stage.desk.keyring, session.id),
      menu: menuFor(stage.pages, whoIs(session), under),
      targets: targetLinks(ctx, stage),
    },
  };
}

function menuFor(pages: readonly ConsolePage[], who: Who, under: string | undefined): MenuGroup[] {
  const listed = pages.filter(({ menu, role = 'viewer' }) => menu && mayDo(who.role, role));
  return GROUPS.map((name) => ({
    name,
    links: listed
      .filter(({ menu }) => menu!.group === name)
      .sort((a, b) => a.menu!.order - b.menu!.order)
      .map(({ title, path }) => ({ title, href: pathOf(path), isHere: isUnder(path, under) })),
  })).filter(({ links }) => links.length > 0);
}

/** Also of the pages that hang on it; the first page is under none. */
const isUnder = (path: string, under: string | undefined): boolean =>
  path === under || (path !== '' && under?.startsWith(`${path}/`) === true);

export const pathOf = (page: string): string => (page === '' ? '/admin' : `/admin/${page}`);

/** The target that somebody looks at: the address says so, else what they chose last. */
export function chosenTarget(ctx: Context, { desk }: Stage): string | undefined {
  const asked = new URLSearchParams(ctx.search).get('target');
  const kept = targetCookie.read(ctx);
  const name = asked ?? (kept === undefined ? undefined : Buffer.from(kept, 'base64url').toString('utf8'));
  return desk.targets.all.some((target) => target.name === name) ? name : undefined;
}

/** A choice that was made by following a link is kept until the browser is closed. */
export function keepTarget(ctx: Context, stage: Stage): void {
  const asked = new URLSearchParams(ctx.search).get('target');
  if (asked === '') targetCookie.clear(ctx, ownOrigin(ctx));
  else if (asked !== null && chosenTarget(ctx, stage) === asked)
    targetCookie.set(ctx, ownOrigin(ctx), Buffer.from(asked).toString('base64url'));
}

/** To the same page for another target; a page about one thing of a target has none. */
function targetLinks(ctx: Context, stage: Stage) {
  const { all } = stage.desk.targets;
  const page = ctx.state.page as ConsolePage | undefined;
  if (all.length < 2 || !page || page.path.includes(':')) return [];
  const chosen = chosenTarget(ctx, stage);
  const links = all.map(({ name, displayName }) => ({
    name: displayName,
    href: `${ctx.path}?${new URLSearchParams({ target: name })}`,
    isHere: name === chosen,
  }));
  return [{ name: 'All', href: `${ctx.path}?target=`, isHere: chosen === undefined }, ...links];
}
