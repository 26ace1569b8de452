// Package demo runs the whole platform in one process: replicas with real Raft and
// nodes with real noise over libp2p on loopback, and simulated users whose outcomes
// are known, so that what federation brought can be said in numbers.
//
// [New] prepares the scene (who comes where, and what every arm would give),
// [Demo.Run] plays it through the platform and ends with a [Summary]. The seed
// fixes the scene and never the noise. Users come a round's worth at a time: in
// life a round takes much less time than the decisions between two of them, and
// the demo keeps that order while it runs as fast as it can.
package demo
