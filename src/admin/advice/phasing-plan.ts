/** A plan file to start from. It is accepted as it stands; what only the operator knows is an example with a comment. */
import { Document, isScalar } from 'yaml';
import type { Identities, PhasingFacts, Strategy } from './phasing-rules.ts';

export interface PlanAsked extends PhasingFacts {
  readonly strategy: Strategy;
  readonly identities: Identities;
  /** The target’s name in the settings. */
  readonly target: string;
  /** OAuth clients that switch, by client_id. */
  readonly clients: readonly string[];
}

/** Fewer are no trial; with so few people shares below ten of a hundred are nobody. */
const SMALL = 2_000;
/** More phases than these an operator writes by hand. */
const MAX_APPS = 20;

interface PlanPhase {
  readonly name: string;
  readonly apps?: readonly string[];
  readonly segments?: readonly string[];
  readonly identities?: Identities;
  readonly needs?: readonly string[];
  readonly finish?: object;
  readonly pause?: object;
}

/** One in twenty that goes wrong is a fault, and no bad luck. */
const PAUSE = { errorRate: 0.05 };
/** Two weeks: whoever comes once a week has come twice. */
const FINISH = { coverage: 0.8, of: 'active', days: 14, errorRate: 0.02 };
const LAST = { coverage: 0.95, of: 'active', days: 28 };

export function phasingPlan(asked: PlanAsked): string {
  const { strategy, target, identities } = asked;
  const single: readonly PlanPhase[] = [{ name: 'everybody', identities, finish: LAST, pause: PAUSE }];
  const { segments, apps, phases } =
    strategy === 'single-phase' ? { segments: {}, apps: {}, phases: single } : severalPhases(asked);
  const plan = {
    ...{ name: 'move', target },
    ...(Object.keys(apps).length > 0 && { apps }),
    ...(Object.keys(segments).length > 0 && { segments }),
    phases,
  };
  // Written out each time: nobody has to know what an anchor is.
  const document = new Document(plan, { aliasDuplicateObjects: false });
  const remark = (path: readonly (string | number)[], why: string) => {
    const node = document.getIn(path, true);
    if (isScalar(node)) node.comment = ` ${why}`;
  };
  remark(['segments', 'friends', 'emailDomains', 0], 'your own: whoever may meet trouble first');
  remark(['phases', 0, 'name'], 'with `starts: <day>` it begins by itself; else: footbridge rollout start');
  for (const [index, { identities: how }] of phases.entries())
    if (how === 'bulk') remark(['phases', index, 'identities'], 'by a batch: footbridge rollout batch');
  return document.toString({ lineWidth: 0 });
}

interface Several {
  readonly segments: Readonly<Record<string, object>>;
  readonly apps: Readonly<Record<string, object>>;
  readonly phases: readonly PlanPhase[];
}

function severalPhases({ answers, figures, identities, clients }: PlanAsked): Several {
  const isSmall = (figures.users ?? Number.POSITIVE_INFINITY) < SMALL;
  const first =
    answers.friends === 'yes'
      ? { friends: { emailDomains: ['example.com'] } }
      : { trial: { percentage: isSmall ? 10 : 1 } };
  const segments = { ...first, ...(isSmall ? {} : { tenth: { percentage: 10 }, half: { percentage: 50 } }) };
  const apps = answers.appsAtOnce === 'no' || answers.apps === 'many' ? appsOf(clients) : {};
  const steps = Object.keys(segments).map((name): PlanPhase => ({ name, segments: [name] }));
  // The first app goes by shares of people; once that works, the others go as a whole.
  const [lead, ...others] = Object.keys(apps);
  const byPeople = [...steps, { name: 'everybody' }].map((phase) => ({
    ...phase,
    ...(lead === undefined ? {} : { apps: [lead] }),
  }));
  const byApp = others.map((app): PlanPhase => ({ name: `app-${app}`.slice(0, 63), apps: [app] }));
  const all = [...byPeople, ...byApp];
  return {
    segments,
    apps,
    phases: all.map(({ name, ...rest }, index) => ({
      name,
      ...rest,
      ...(identities === 'bulk' && { identities }),
      ...(index > 0 && { needs: [all[index - 1]!.name] }),
      finish: index < all.length - 1 ? FINISH : LAST,
      pause: PAUSE,
    })),
  };
}

/** Names of a plan are plain; those of clients need not be. */
function appsOf(clients: readonly string[]): Record<string, object> {
  const apps: Record<string, object> = {};
  for (const client of clients.slice(0, MAX_APPS)) {
    const plain = client
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 50);
    const name =
      plain === '' || Object.hasOwn(apps, plain) ? `client-${Object.keys(apps).length + 1}` : plain;
    apps[name] = { clients: [client] };
  }
  return apps;
}
