import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { isFootbridgeError } from '../../src/errors.ts';
import { PHASE_STATES, REASONS } from '../../src/rollout/deciding.ts';
import { planShape } from '../../src/rollout/plan.ts';
import { MAX_PLAN_LENGTH, readPlan } from '../../src/rollout/plan-file.ts';

const KNOWN = { targets: ['new'], apps: ['shop-web', 'old-wiki'] };
const read = (text: string, known: Partial<typeof KNOWN> = {}) =>
  readPlan({ text, file: 'plan.yaml', ...KNOWN, ...known });
function problemsOf(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (isFootbridgeError(error, 'plan_invalid')) return (error.detail ?? '').split('\n');
    throw error;
  }
  return [];
}

const PLAN = `name: move
target: new
apps:
  shop: { clients: [shop-web] }
segments:
  staff: { emailDomains: [Staff.Example] }
phases:
  - name: staff
    segments: [staff]
`;

describe('a plan file', () => {
  test('becomes a plan, with what is left out as it is meant', () => {
    expect(read(PLAN)).toMatchObject({
      segments: { staff: { emailDomains: ['staff.example'] } },
      phases: [{ name: 'staff', apps: 'all', identities: 'graceful', needs: [] }],
      freezes: [],
    });
  });

  test('names every problem at once, each at its place', () => {
    const text = PLAN.replace('{ clients: [shop-web] }', '{ clients: [shop-web], colour: red }')
      .replace('segments: [staff]\n', 'segments: staff\n    finish: { coverage: 90 }\n')
      .replace('name: move', 'name: Move!');
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^plan\.yaml:1:7 name: expected up to 63/),
      expect.stringMatching(/^plan\.yaml:4:\d+ apps\.shop\.colour: there is no such setting$/),
      expect.stringMatching(/^plan\.yaml:9:15 phases\.0\.segments: expected a list, not a text$/),
      expect.stringMatching(/^plan\.yaml:10:25 phases\.0\.finish\.coverage: /),
    ]);
  });

  test('names names that lead nowhere', () => {
    const text = `${PLAN}    needs: [nobody]\n    apps: [wiki]\n`;
    expect(problemsOf(text)).toEqual([
      'plan.yaml:11:12 phases.0.apps.0: there is no app called wiki',
      'plan.yaml:10:13 phases.0.needs.0: there is no phase called nobody',
    ]);
  });

  test('names targets and apps that the settings do not have', () => {
    expect(problemsOf(PLAN.replace('target: new', 'target: gone').replace('shop-web', 'shop-app'))).toEqual([
      'plan.yaml:2:9 target: the settings have no target called gone (there is new)',
      'plan.yaml:4:21 apps.shop.clients.0: the settings have no client called shop-app',
    ]);
    expect(read(PLAN.replace('shop-web', 'any'), { apps: undefined as never }).name).toBe('move');
  });

  test.each([
    ['no YAML', 'name: [', /^plan\.yaml:1:\d+ /],
    ['nothing', '', /^plan\.yaml:1:1 name: /],
    ['a text', 'hello', /^plan\.yaml:1:1 expected a block of settings, not a text$/],
    ['unfolds without end', bomb(), /^plan\.yaml:1:1 Excessive alias count/],
    ['too long', `# ${'x'.repeat(MAX_PLAN_LENGTH)}`, /is longer than 8 MiB/],
  ])('that is %s is refused', (_, text, problem) => {
    expect(problemsOf(text)[0]).toMatch(problem);
  });

  test('takes nothing from the environment: a plan may come from outside', () => {
    expect(read(PLAN.replace('Staff.Example', '"${HOME}"')).segments.staff).toEqual({
      emailDomains: ['${home}'],
    });
  });
});

function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at},`.repeat(9)}]`);
  return [`l0: &l0 [x]`, ...levels].join('\n');
}

describe('the example', () => {
  const folder = resolve(import.meta.dirname, '../../example/rollout');
  const files = readdirSync(folder);

  test('plans are there for each strategy', () => {
    expect(files.sort()).toEqual([
      'all-at-once-at-login.yaml',
      'all-at-once-by-batch.yaml',
      'app-by-app.yaml',
      'by-percentage.yaml',
      'by-segment.yaml',
    ]);
  });

  test.each(files)('%s is a plan', (file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    const apps = ['old-wiki', 'crm', 'shop-web', 'shop-ios', 'old-shop'];
    expect(readPlan({ text, file, targets: ['zitadel'], apps }).phases.length).toBeGreaterThan(0);
    expect(text).toContain(`footbridge rollout set example/rollout/${file}`);
  });
});

test('docs/rollout.md tells of every field and every reason', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/rollout.md'), 'utf8');
  const schema = z.toJSONSchema(planShape, { io: 'input', unrepresentable: 'any' });
  const names = [...propertiesOf(schema), ...Object.keys(REASONS), ...PHASE_STATES];
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

function propertiesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as { properties?: object };
  return [...Object.keys(properties), ...Object.values(schema).flatMap(propertiesOf)];
}
