import { aspnetFormats } from '../../../src/credentials/formats/aspnet.ts';
import { formatContract } from '../format-contract.ts';

formatContract('aspnet', aspnetFormats);
