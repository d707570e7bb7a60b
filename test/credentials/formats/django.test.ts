import { djangoFormats } from '../../../src/credentials/formats/django.ts';
import { formatContract } from '../format-contract.ts';

formatContract('django', djangoFormats);
