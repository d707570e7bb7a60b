import { genericDerivedFormats } from '../../../src/credentials/formats/generic-derived.ts';
import { formatContract } from '../format-contract.ts';

formatContract('generic-derived', genericDerivedFormats);
