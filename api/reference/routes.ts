/** The description of every route. `test/reference` fails for a route that has none, and for one that is no more. */
import type { RouteDescriptions } from './description.ts'
import { accountReference } from './routes/accounts.ts'
import { connectionReference } from './routes/connection.ts'
import { conversationReference } from './routes/conversations.ts'
import { messageReference } from './routes/messages.ts'
import { operationsReference } from './routes/operations.ts'
import { peopleReference } from './routes/people.ts'
import { searchReference } from './routes/search.ts'

export const ROUTES: RouteDescriptions = {
  ...conversationReference,
  ...messageReference,
  ...searchReference,
  ...peopleReference,
  ...connectionReference,
  ...accountReference,
  ...operationsReference,
}
