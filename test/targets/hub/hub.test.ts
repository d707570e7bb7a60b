import { describe, expect, test } from 'vitest';
import { hub } from '../../../src/targets/hub/index.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { oneTargetSettings } from '../../../src/targets/target-settings.ts';
import { targetKindContract } from '../target-kind-contract.ts';

describe('a hub', () => {
  targetKindContract(hub);

  const base = { name: 'hub', kind: 'hub', displayName: 'Hub', loginUrl: 'https://hub.example.com/' };
  const signIn = { clientId: 'us', clientSecret: 'secret' };
  const at = { url: 'https://hub.example.com' };
  const opened = (more: object) => openTargets([oneTargetSettings.parse({ ...base, ...more })]);

  test('has a way to sign in, organizations and events where the settings have them', async () => {
    const targets = opened({ signIn, hub: { ...at, webhook: { secret: 'a-secret' } } });
    expect(targets.signIn('hub')?.finishOrganization).toBeDefined();
    expect(targets.organizations('hub')).toBeDefined();
    expect(targets.webhook('hub')).toBeDefined();
    await targets.close();
  });

  test('has nothing of these where the settings say nothing', async () => {
    const targets = opened({ hub: at });
    expect(targets.signIn('hub')).toBeUndefined();
    expect(targets.organizations('hub')).toBeUndefined();
    expect(targets.webhook('hub')).toBeUndefined();
    await targets.close();
  });

  test.each([
    ['where it is', { signIn }],
    ['our secret there', { signIn: { clientId: 'us' }, hub: at }],
  ])('is not opened without %s', (_what, more) => {
    expect(() => opened(more)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
