import { windowsFormats } from '../../../src/credentials/formats/windows.ts';
import { formatContract } from '../format-contract.ts';

formatContract('windows', windowsFormats);
