import { listKeys } from '../../../provider/keys.ts';
import type { Desk } from '../../operation.ts';
import type { Who } from '../../perform.ts';
import { known } from '../known.ts';
import { offer } from '../offers.ts';
import { definePage } from '../page.ts';
import type { CellOf, Notice, Panel, Tone } from '../panels.ts';
import { panelsPage } from '../panels.ts';

/** Each asked by itself and side by side: whatever is away says so in its own part. */
export const healthPage = definePage({
  path: 'health',
  title: 'Health',
  menu: { group: 'Now', order: 50 },
  async load(desk, { who }) {
    const panels = await Promise.all([
      nodePanel(desk),
      storePanel(desk),
      targetsPanel(desk, who),
      mailPanel(desk, who),
      schemaPanel(desk, who),
      keysPanel(desk, who),
    ]);
    return panelsPage(
      { lead: 'What this node stands on, as it is right now.', panels },
      { refreshSeconds: 30 },
    );
  },
});

const wrong = (sentence: string, tone: Notice['tone'] = 'bad'): Pick<Panel, 'notices'> => ({
  notices: [{ tone, sentences: [sentence] }],
});

const badge = (text: string, tone: Tone): CellOf => ({ badge: { text, tone } });

/** As `/readyz` says it. */
async function nodePanel({ health }: Desk): Promise<Panel> {
  const title = 'This node';
  if (!health)
    return { title, isHalf: true, facts: [['Ready', badge('a command line, not a server', 'quiet')]] };
  const asked = await known(health());
  if (!asked.isKnown) return { title, isHalf: true, ...wrong(asked.why) };
  const { ready, parts } = asked.value;
  return {
    title,
    isHalf: true,
    facts: [
      ['Ready', ready ? badge('takes logins', 'ok') : badge('takes no logins', 'bad')],
      ...Object.entries(parts).map(
        ([part, says]) =>
          [part, badge(says, says === 'up' ? 'ok' : says === 'stopping' ? 'warn' : 'bad')] as const,
      ),
    ],
  };
}

async function storePanel({ directory }: Desk): Promise<Panel> {
  const asked = await known(directory.check());
  return {
    title: 'The legacy store',
    isHalf: true,
    facts: [['Answers', asked.isKnown ? badge('yes', 'ok') : badge('no', 'bad')]],
    ...(asked.isKnown
      ? {}
      : wrong(`${asked.why} Nobody can log in with an old password until it does; sessions go on.`)),
  };
}

async function targetsPanel({ targets }: Desk, who: Who): Promise<Panel> {
  const title = 'Targets';
  if (targets.all.length === 0) return { title, empty: { sentence: 'The settings have no target.' } };
  return {
    title,
    lead: 'A check asks the target itself: reachability both ways, permissions, clocks, and what setup made there.',
    table: {
      label: 'Targets of the settings',
      head: ['Target', 'Kind', 'Its API', ''],
      rows: targets.all.map(({ name, kind, displayName }): CellOf[] => [
        { text: name, ...(displayName ? { note: displayName } : {}) },
        kind,
        targets.connection(name) ? badge('configured', 'ok') : badge('not configured', 'quiet'),
        { links: offer(who, { operation: 'target check', label: 'Check it', input: { target: name } }) },
      ]),
    },
  };
}

async function mailPanel({ mailer }: Desk, who: Who): Promise<Panel> {
  const title = 'Mail';
  if (!mailer)
    return {
      title,
      isHalf: true,
      facts: [['Server', badge('none configured', 'quiet')]],
      lead: 'Only targets write to people.',
    };
  const asked = await known(mailer.check());
  const answers = asked.isKnown && asked.value.kind === 'sent';
  return {
    title,
    isHalf: true,
    facts: [
      ['Server', answers ? badge('answers and lets us in', 'ok') : badge('does not take our mail', 'bad')],
      ['Sender', mailer.sender],
      ['Pace', `at most ${mailer.perMinute} letters a minute`],
    ],
    ...(answers
      ? {}
      : wrong(
          asked.isKnown && 'code' in asked.value
            ? `It says: ${asked.value.code}.`
            : 'It did not answer in time.',
        )),
    links: offer(who, { operation: 'mail check', label: 'Send a sample letter' }),
  };
}

async function schemaPanel({ schema }: Desk, who: Who): Promise<Panel> {
  const title = 'Our database';
  const asked = await known(schema());
  if (!asked.isKnown) return { title, isHalf: true, ...wrong(asked.why) };
  const { applied, pending, changed, newer } = asked.value;
  const last = applied.at(-1);
  return {
    title,
    isHalf: true,
    facts: [
      [
        'Schema',
        changed.length > 0
          ? badge('changed', 'bad')
          : pending.length > 0
            ? badge('not complete', 'warn')
            : badge('complete', 'ok'),
      ],
      ...(last ? [['Last step', { code: last.name, at: last.appliedAt }] as const] : []),
      ...(pending.length > 0 ? [['To be applied', pending.join(', ')] as const] : []),
    ],
    notices: [
      ...changed.map(
        (name): Notice => ({
          tone: 'bad',
          sentences: [`The file of ${name} is not the one that was applied.`],
        }),
      ),
      ...newer.map(
        (name): Notice => ({ tone: 'info', sentences: [`${name} was applied by a newer version.`] }),
      ),
    ],
    links: offer(who, { operation: 'schema status', label: 'Every step' }),
  };
}

const KEY_TONES: Readonly<Record<string, Tone>> = { current: 'ok', next: 'quiet', previous: 'quiet' };

async function keysPanel({ db }: Desk, who: Who): Promise<Panel> {
  const title = 'Keys';
  const asked = await known(listKeys(db));
  if (!asked.isKnown) return { title, ...wrong(asked.why) };
  return {
    title,
    lead: 'Signing keys are published before they sign, and go on verifying after.',
    links: offer(who, { operation: 'key rotate', label: 'Rotate' }),
    table: {
      label: 'Keys of the provider',
      head: ['Key', 'For', 'State', 'Made', 'In this state'],
      rows: asked.value.map(({ kid, purpose, state, createdAt, stateSince }): CellOf[] => [
        { code: kid },
        purpose,
        badge(state, KEY_TONES[state] ?? 'quiet'),
        { at: createdAt },
        { at: stateSince },
      ]),
    },
  };
}
