import { cmsFormats } from '../../../src/credentials/formats/cms.ts';
import { formatContract } from '../format-contract.ts';

formatContract('cms', cmsFormats);
