// The thread in which operators' templates are tried.
import { parentPort, workerData } from 'node:worker_threads';
import { type LoadedVendor, loadVendor } from './folder.ts';
import { tryTemplate } from './stand-in.ts';
import type { TrialOrder, TrialReport } from './trial.ts';

const root = String(workerData);
const loaded = new Map<string, LoadedVendor>();

const say = (report: TrialReport) => parentPort?.postMessage(report);

parentPort?.on('message', ({ vendor: name, file, source }: TrialOrder) => {
  try {
    const vendor = loaded.get(name) ?? loadVendor(root, name);
    loaded.set(name, vendor);
    say({ began: true });
    tryTemplate(vendor, file, source);
    say({ fault: null });
  } catch (error) {
    say({ fault: error instanceof Error ? error.message : String(error) });
  }
});
