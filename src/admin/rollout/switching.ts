/** Kill switches: what they name stays at the old login until somebody says otherwise. */
import type { Switch } from '../../rollout/phases.ts';
import { switchOff, switchOn } from '../../rollout/phases.ts';
import { noteStep } from '../../rollout/steps.ts';
import type { Desk } from '../operation.ts';

export interface Switching extends Switch {
  /** To the old login; else back to what the plan says. */
  readonly off: boolean;
  readonly reason: string;
}

/** With its record. False: it was so already. */
export function setSwitch(
  { db, actor }: Pick<Desk, 'db' | 'actor'>,
  { off, reason, ...named }: Switching,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const isNew = off ? await switchOff(tx, named, { reason, actor }) : await switchOn(tx, named);
    const action = off ? 'rollout.switched-off' : 'rollout.switched-on';
    const { target, kind, name } = named;
    const detail = { kind, name, ...(reason ? { reason } : {}) };
    if (isNew) await noteStep(tx, { target, actor, action, at: new Date(), detail });
    return isNew;
  });
}
