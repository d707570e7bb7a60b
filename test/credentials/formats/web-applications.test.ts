import { webApplicationFormats } from '../../../src/credentials/formats/web-applications.ts';
import { formatContract } from '../format-contract.ts';

formatContract('web-applications', webApplicationFormats);
