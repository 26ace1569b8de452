package possev1

// LeavesMax is the most leaves in one offer, and so in the report on it. A node
// offers no more, and the state, which keeps every offered leaf for ever, refuses more.
const LeavesMax = 256
