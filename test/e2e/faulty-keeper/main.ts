// The keeper with one planted fault, which the first argument names. Its variables are the keeper's.
import { runKeeper } from '../../../src/keeper/run.ts'
import { faults, type Fault } from './faults.ts'

const fault = process.argv[2] ?? ''
if (!Object.hasOwn(faults, fault)) throw new Error(`no fault is called ${JSON.stringify(fault)}`)
await runKeeper(faults[fault as Fault])
