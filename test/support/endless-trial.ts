// A thread for trials that does what its order says.
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', ({ source }: { source: string }) => {
  parentPort?.postMessage({ began: true });
  const kept: number[][] = [];
  if (source === 'exit') process.exit(3);
  while (source === 'endless' || source === 'greedy') if (source === 'greedy') kept.push(new Array(100_000).fill(0.5));
  parentPort?.postMessage({ fault: null });
});
