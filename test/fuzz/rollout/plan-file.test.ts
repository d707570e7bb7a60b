import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isFootbridgeError } from '../../../src/errors.ts';
import { readPlan } from '../../../src/rollout/plan-file.ts';
import { anyText, damaged, fuzz } from '../hostile.ts';

const PLAN = `name: move
target: new
apps:
  shop: { clients: [shop-web] }
segments:
  staff: { emailDomains: [Staff.Example] }
  few: { share: 5 }
phases:
  - name: staff
    segments: [staff]
    starts: 2026-03-01T08:00:00+01:00
    finish: { coverage: 90 }
    gates: { errors: 5 }
freezes:
  - { from: 2026-12-01T00:00:00Z, to: 2027-01-07T00:00:00Z }
`;
const read = (text: string) => readPlan({ text, file: 'plan.yaml', targets: ['new'], apps: ['shop-web'] });
/** Fifty problems are named, and each sentence is one. */
const LONGEST_DETAIL = 60_000;

describe('whatever stands in a plan', () => {
  fuzz(
    'is a plan, or every line of the refusal names a place of the file',
    300,
    fc.property(
      fc.oneof({ weight: 4, arbitrary: damaged(PLAN) }, { weight: 1, arbitrary: anyText() }),
      (text) => {
        try {
          read(text);
        } catch (error) {
          if (!isFootbridgeError(error, 'plan_invalid')) throw error;
          const { detail = '' } = error;
          expect(detail).toMatch(/^plan\.yaml:\d+:\d+ /);
          expect(detail.length).toBeLessThan(LONGEST_DETAIL);
        }
      },
    ),
  );

  const deep = fc.tuple(fc.constantFrom('[', '{a: ', '- ', '? '), fc.integer({ min: 10, max: 6_000 }));
  fuzz(
    'is refused at its place however deep it goes',
    6,
    fc.property(deep, ([open, depth]) => {
      expect(() => read(`segments: ${open.repeat(depth)}`)).toThrow(
        expect.objectContaining({ code: 'plan_invalid' }),
      );
    }),
  );
});
