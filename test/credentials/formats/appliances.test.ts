import { applianceFormats } from '../../../src/credentials/formats/appliances.ts';
import { formatContract } from '../format-contract.ts';

formatContract('appliances', applianceFormats);
