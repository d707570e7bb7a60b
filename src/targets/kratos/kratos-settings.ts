/** Settings that only a target of the kind `kratos` has. */
import { z } from 'zod';

export const kratosSettings = z.strictObject({});
export type KratosSettings = z.output<typeof kratosSettings>;
