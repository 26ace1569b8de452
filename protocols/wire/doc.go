// Package wire holds what two parties must agree on before they exchange a
// byte: the protocol ids, the framing of messages and every limit.
//
// A frame is the length of a protobuf message as a varint, then the message.
// [Write] sends one frame; [ReadLength] and [ReadBody] read it, apart because each
// has a time of its own. The length is checked before anything is allocated, and
// memory follows the bytes that came, not the bytes that were promised.
// [WriteAnswer], [ReadAnswerLength] and [ReadAnswerBody] carry either a message or a
// refusal ([posse.Error]), so that a peer learns which field was wrong and what is
// allowed. [Strict] reads commands, where an unknown field is an error.
//
// The package opens no connection and sets no deadline: package peer does, with
// the durations of limits.go. Nothing here is compressed, so a short frame never
// grows.
package wire
