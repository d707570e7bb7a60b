/**
 * Operations at the console. What changes something is run dry first; what then happens is exactly that: the confirmation carries it
 * sealed, for one person and some minutes, and counts once.
 */

import { randomBytes } from 'node:crypto';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { FootbridgeError } from '../../errors.ts';
import type { Operation } from '../operation.ts';
import { isDangerous, mayDo, perform, roleFor } from '../perform.ts';
import type { Given } from './forms.ts';
import { fieldsOf, filled, givenIn, inputOf } from './forms.ts';
import { REPORT_POLICY } from './guard.ts';
import { looksBy } from './looking-up.ts';
import { doHref } from './page.ts';
import type { Run } from './runs.ts';
import type { Stage } from './stage.ts';
import { needSession, ownForm, show, whoIs } from './stage.ts';

/** Long enough to read what will happen, and to ask somebody. */
const CONFIRM_SECONDS = 900;
const SEALED = 'console-confirmation';
/** No operation's field is called so. */
const OF_RUN = '_run';
/** Of what a server takes of an address the greater part is left to others. */
const MAX_HREF = 2_000;
/** A run under way is looked at so often. */
const LOOK_SECONDS = 2;

interface Confirmation {
  readonly id: string;
  readonly operation: string;
  readonly given: Given;
  /** Seconds since the epoch. */
  readonly until: number;
}

export function addDoing(router: Router, stage: Stage): void {
  for (const path of ['/admin/do/:group', '/admin/do/:group/:verb']) {
    router.get(path, (ctx) => form(ctx as Context, stage, operationOf(stage, wordsOf(ctx.params))));
    router.post(path, (ctx) => asked(ctx as Context, stage, operationOf(stage, wordsOf(ctx.params))));
  }
  router.post('/admin/confirm', (ctx) => confirmed(ctx as Context, stage));
  router.get('/admin/runs', (ctx) => runList(ctx as Context, stage));
  router.get('/admin/runs/:run', (ctx) => runPage(ctx as Context, stage, ctx.params.run));
  router.post('/admin/runs/:run/stop', (ctx) => stop(ctx as Context, stage, ctx.params.run));
  router.get('/admin/runs/:run/report', (ctx) => report(ctx as Context, stage, ctx.params.run));
  router.get('/admin/runs/:run/answer.json', (ctx) => answer(ctx as Context, stage, ctx.params.run));
}

function operationOf({ operations }: Stage, words: readonly (string | undefined)[]): Operation {
  const name = words.filter(Boolean).join(' ');
  const found = operations.find((operation) => operation.name === name);
  if (!found) throw new FootbridgeError('not_found');
  return found;
}

const wordsOf = ({ group, verb }: Readonly<Record<string, string>>) => [group, verb];

/** Before anything is shown or asked for. Throws role_needed. */
function needRole(ctx: Context, operation: Operation): void {
  const needed = roleFor(operation);
  if (!mayDo(needSession(ctx).role, needed))
    throw new FootbridgeError('role_needed', { detail: `${operation.name} needs the role ${needed}.` });
}

interface FormState {
  readonly given: Given;
  readonly faults?: ReadonlyMap<string, string>;
}

function form(ctx: Context, stage: Stage, operation: Operation, state?: FormState): void {
  needRole(ctx, operation);
  const fields = fieldsOf(operation);
  const { given, faults = new Map<string, string>() } = state ?? { given: givenBy(ctx, stage, operation) };
  const targets = stage.desk.targets.all;
  const [only] = targets.length === 1 ? targets : [];
  // Where there is one target, nobody has to know what it is called.
  const meant = only && fields.some(({ name, isNeeded }) => name === 'target' && isNeeded);
  const shown = filled(fields, meant ? { target: only.name, ...given } : given, faults);
  const data = {
    operation,
    action: doHref(operation.name),
    fields: shown.filter(({ kind }) => kind !== 'command-line'),
    elsewhere: shown.filter(({ kind }) => kind === 'command-line'),
    isOnlyElsewhere: shown.some(({ kind, isNeeded }) => kind === 'command-line' && isNeeded),
    fault: faults.get(''),
    hasFaults: faults.size > 0,
    command: `footbridge ${operation.name}`,
    targets: targets.map(({ name, displayName }) => ({ name, displayName })),
  };
  show(
    ctx,
    stage,
    { title: titleOf(operation), template: 'do', data, under: 'operations' },
    faults.size > 0 ? 400 : 200,
  );
}

/** What a link says, or what one of their runs was given. */
function givenBy(ctx: Context, stage: Stage, operation: Operation): Given {
  const query = new URLSearchParams(ctx.search);
  const run = stage.runs.find(query.get(OF_RUN) ?? '', needSession(ctx).name);
  return run?.operation === operation ? run.given : givenIn(fieldsOf(operation), query);
}

/** To the form, filled in as for this run: by the run where it is too long for an address. */
function againHref({ id, operation, given }: Run): string {
  const texts = Object.entries(given).map(([name, value]) => [name, String(value)]);
  const href = doHref(operation.name, Object.fromEntries(texts));
  return href.length <= MAX_HREF ? href : doHref(operation.name, { [OF_RUN]: id });
}

const titleOf = ({ name }: Operation): string => name.charAt(0).toUpperCase() + name.slice(1);

async function asked(ctx: Context, stage: Stage, operation: Operation): Promise<void> {
  const fields = await ownForm(ctx, stage);
  needRole(ctx, operation);
  const given = givenIn(fieldsOf(operation), fields);
  const read = inputOf(operation, given);
  if ('faults' in read) return form(ctx, stage, operation, { given, faults: read.faults });
  // What an operation says of one person is as much as their page says.
  if (given.user !== undefined) await looksBy(stage.desk, whoIs(needSession(ctx)), operation.name);
  const run = await begin(ctx, stage, { operation, given, isExecuted: false });
  seeRun(ctx, run);
}

interface Begun {
  readonly operation: Operation;
  readonly given: Given;
  readonly isExecuted: boolean;
  readonly confirmation?: string;
}

function begin(ctx: Context, stage: Stage, asked: Begun): Promise<Run> {
  const who = whoIs(needSession(ctx));
  const read = inputOf(asked.operation, asked.given);
  if ('faults' in read) throw new FootbridgeError('bad_request');
  const { input } = read;
  return stage.runs.start({
    ...asked,
    owner: who.name,
    work: (options) =>
      perform(stage.desk, asked.operation, { input, who, execute: asked.isExecuted, ...options }),
  });
}

function seeRun(ctx: Context, { id }: Run): void {
  ctx.redirect(`/admin/runs/${id}`);
  ctx.status = 303;
}

function runOf(ctx: Context, { runs }: Stage, id: string | undefined): Run {
  const run = runs.find(id ?? '', needSession(ctx).name);
  if (!run) throw new FootbridgeError('not_found');
  // Under the same name somebody may come back with a lesser role, or be somebody else.
  needRole(ctx, run.operation);
  return run;
}

function runPage(ctx: Context, stage: Stage, id: string | undefined): void {
  const run = runOf(ctx, stage, id);
  const { operation, given, state } = run;
  const isDry = operation.changes && !run.isExecuted;
  const read = inputOf(operation, given);
  const danger = 'input' in read && isDangerous(operation, read.input);
  const confirmation = isDry && state === 'done' ? sealed(ctx, stage, run) : undefined;
  const data = {
    run,
    isDry,
    danger,
    needsApproval: danger && stage.desk.fourEyes === true,
    confirmation,
    word: operation.name,
    given: Object.entries(given).map(([name, value]) => [name, String(value)]),
    againHref: againHref(run),
    at: `/admin/runs/${run.id}`,
    wrongWord: new URLSearchParams(ctx.search).has('word'),
  };
  const title = isDry ? `${titleOf(operation)}: what will happen` : titleOf(operation);
  const refresh = state === 'running' ? { refreshSeconds: LOOK_SECONDS } : {};
  show(ctx, stage, { title, template: 'run', data, under: 'operations', ...refresh });
}

function sealed(ctx: Context, { desk, now }: Stage, { id, operation, given }: Run): string {
  const confirmation: Confirmation = {
    id,
    operation: operation.name,
    given,
    until: Math.floor(now().getTime() / 1_000) + CONFIRM_SECONDS,
  };
  return desk.keyring.seal(SEALED, JSON.stringify(confirmation), needSession(ctx).id.toString('hex'));
}

async function confirmed(ctx: Context, stage: Stage): Promise<void> {
  const fields = await ownForm(ctx, stage);
  const { id: session } = needSession(ctx);
  const opened = stage.desk.keyring.open(SEALED, fields.get('confirmation') ?? '', session.toString('hex'));
  if (!opened) throw new FootbridgeError('foreign_form');
  const { id, operation: name, given, until } = JSON.parse(opened.toString('utf8')) as Confirmation;
  if (until < stage.now().getTime() / 1_000) throw new FootbridgeError('confirmation_expired');
  const operation = operationOf(stage, [name]);
  needRole(ctx, operation);
  const read = inputOf(operation, given);
  if ('faults' in read) throw new FootbridgeError('bad_request');
  const typed = (fields.get('word') ?? '').trim().replace(/\s+/g, ' ').toLowerCase();
  if (isDangerous(operation, read.input) && typed !== operation.name) {
    ctx.redirect(`/admin/runs/${id}?word`);
    ctx.status = 303;
    return;
  }
  seeRun(ctx, await begin(ctx, stage, { operation, given, isExecuted: true, confirmation: id }));
}

async function stop(ctx: Context, stage: Stage, id: string | undefined): Promise<void> {
  await ownForm(ctx, stage);
  const run = runOf(ctx, stage, id);
  stage.runs.stop(run);
  seeRun(ctx, run);
}

function runList(ctx: Context, stage: Stage): void {
  const runs = stage.runs.of(needSession(ctx).name);
  show(ctx, stage, { title: 'What you have run', template: 'runs', data: { runs }, under: 'operations' });
}

/** As it was written, in a frame of its own that can do nothing; or to be kept. */
function report(ctx: Context, stage: Stage, id: string | undefined): void {
  const { page, operation } = runOf(ctx, stage, id);
  if (page === undefined) throw new FootbridgeError('not_found');
  ctx.set('Content-Security-Policy', REPORT_POLICY);
  ctx.set('X-Frame-Options', 'SAMEORIGIN');
  if (new URLSearchParams(ctx.search).has('download'))
    ctx.attachment(`${operation.name.replaceAll(' ', '-')}.html`);
  ctx.type = 'html';
  ctx.body = page;
}

/** What the API answers. */
function answer(ctx: Context, stage: Stage, id: string | undefined): void {
  const { output, operation, state } = runOf(ctx, stage, id);
  if (state !== 'done') throw new FootbridgeError('not_found');
  ctx.attachment(`${operation.name.replaceAll(' ', '-')}-${randomBytes(3).toString('hex')}.json`);
  ctx.type = 'json';
  ctx.body = JSON.stringify(output, null, 2);
}
