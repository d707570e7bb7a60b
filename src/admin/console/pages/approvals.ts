import type { Approval } from '../../approvals/approvals.ts';
import { listApprovals } from '../../approvals/approvals.ts';
import { isSamePerson } from '../../approvals/digest.ts';
import { ROLES } from '../../operation.ts';
import type { Who } from '../../perform.ts';
import { mayDo } from '../../perform.ts';
import { definePage, doHref } from '../page.ts';
import { withoutExecute } from '../runs.ts';

/** Older ones are in the audit log. */
const SHOWN = 100;

export const approvalsPage = definePage({
  path: 'approvals',
  title: 'Approvals',
  menu: { group: 'Now', order: 80 },
  async load({ db, fourEyes }, { who, now }) {
    const all = await listApprovals(db, { nowMs: now.getTime(), limit: SHOWN });
    const isOpen = ({ state }: Approval) => state === 'asked' || state === 'granted';
    return {
      template: 'approvals',
      data: {
        isOn: fourEyes === true,
        open: all.filter(isOpen).map((approval) => shown(approval, who)),
        past: all.filter((approval) => !isOpen(approval)).map((approval) => shown(approval, who)),
      },
    };
  },
});

function shown(approval: Approval, who: Who) {
  const { id, operation, input, state, askedBy, role } = approval;
  const isOwn = isSamePerson(askedBy, who.name);
  const needed = ROLES.find((one) => one === role) ?? 'admin';
  const given = Object.fromEntries(Object.entries(input).map(([name, value]) => [name, textOf(value)]));
  return {
    ...approval,
    says: withoutExecute(approval.says),
    given: Object.entries(given).filter(([, value]) => value !== undefined),
    isOwn,
    canDecide: state === 'asked' && !isOwn && mayDo(who.role, needed) && mayDo(who.role, 'operator'),
    grantHref: doHref('approval grant', { id }),
    refuseHref: doHref('approval refuse', { id }),
    againHref: state === 'granted' && isOwn ? doHref(operation, given) : undefined,
  };
}

/** As it stands in a form. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null || value === false) return undefined;
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
