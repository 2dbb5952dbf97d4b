/** What is preloaded; see `collect.ts`. */
import { listenForCollect } from './collect.ts'

listenForCollect()
