import { runKeeper } from './run.ts'

await runKeeper()
