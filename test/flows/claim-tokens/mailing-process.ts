/**
 * An operator's `claim invite`, which is killed. Its arguments are one JSON; it says `ready` and begins when told `go` on its
 * standard input, so that a test does not wait for it to load. What it says then is what the command line says.
 */
import { claimInvite } from '../../../src/admin/operations/claim-invite.ts';
import { progressLine } from '../../../src/progress-line.ts';
import type { CampaignPlace } from '../../migration/claim-tokens/campaign-world.ts';
import { CAMPAIGN, openCampaignWorld } from '../../migration/claim-tokens/campaign-world.ts';

export interface MailingErrand extends CampaignPlace {
  readonly people: number;
}

const { people, ...place }: MailingErrand = JSON.parse(process.argv[2] ?? '{}');
const world = openCampaignWorld(place);
world.add(people);
process.stdout.write('ready\n');
process.stdin.once('data', async () => {
  const desk = { ...world.deps, audit: world.audit, actor: 'operator:test', legacySettings: {} };
  const input = claimInvite.input.parse({ target: 'main', campaign: CAMPAIGN, perHour: '3600000' });
  const progress = progressLine();
  const output = await claimInvite.run(desk as never, input as never, {
    execute: true,
    onProgress: progress.show,
  });
  progress.end();
  process.stdout.write(`${claimInvite.print(output)}\nend\n`);
  await world.close();
  process.exit(0);
});
