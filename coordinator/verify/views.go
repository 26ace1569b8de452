package verify

import (
	"encoding/hex"
	"encoding/json"
	"errors"
)

// digest is 32 bytes in hexadecimal.
type digest [32]byte

func (d *digest) UnmarshalText(text []byte) error {
	if len(text) != 64 {
		return errors.New("not 64 hexadecimal digits")
	}
	_, err := hex.Decode(d[:], text)
	return err
}

func (d digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// leafView is the JSON object in every leaf.
type leafView struct {
	Time int64           `json:"time"`
	Body json.RawMessage `json:"body"`
}

// The bodies, by kind: what a reader of the log needs of each. Other fields may be
// added to the format; they are not read here.
type (
	enrolBody struct {
		Name   string `json:"name"`
		Role   string `json:"role"`
		PeerID string `json:"peerId"`
	}
	experimentBody struct {
		Name            string `json:"name"`
		Revision        uint64 `json:"revision"`
		File            []byte `json:"file"`
		Descriptor      digest `json:"descriptor"`
		DescriptorBytes []byte `json:"descriptorBytes"`
		Funded          int64  `json:"funded"`
		Sponsor         string `json:"sponsor"`
	}
	closeBody struct {
		Name    string `json:"name"`
		Aborted uint64 `json:"aborted"`
	}
	openBody struct {
		Experiment string `json:"experiment"`
		Round      uint64 `json:"round"`
		Paid       bool   `json:"paid"`
		Reserve    int64  `json:"reserve"`
		Nodes      int    `json:"nodes"`
		SeedCommit digest `json:"seedCommit"`
	}
	offersBody struct {
		Experiment string      `json:"experiment"`
		Round      uint64      `json:"round"`
		Offers     []offerBody `json:"offers"`
	}
	offerBody struct {
		Node      string      `json:"node"`
		Bid       digest      `json:"bid"`
		Nonce     digest      `json:"nonce"`
		Leaves    []claimBody `json:"leaves"`
		Signed    []byte      `json:"signed"`
		Signature []byte      `json:"signature"`
	}
	claimBody struct {
		Leaf        uint64 `json:"leaf"`
		Descriptor  digest `json:"descriptor"`
		Claim       []byte `json:"claim"`
		Digest      digest `json:"digest"`
		NanoEpsilon uint64 `json:"nanoEpsilon"`
		PicoRho     uint64 `json:"picoRho"`
		AttoDelta   uint64 `json:"attoDelta"`
	}
	settleBody struct {
		Experiment string        `json:"experiment"`
		Round      uint64        `json:"round"`
		Winners    []paymentBody `json:"winners"`
		Pivotal    []string      `json:"pivotal"`
		Excluded   []leftBody    `json:"excluded"`
		Share      uint64        `json:"share"`
	}
	nameBody struct {
		Name string `json:"name"`
	}
	leftBody struct {
		Node   string `json:"node"`
		Reason string `json:"reason"`
	}
	worthBody struct {
		Node  string `json:"node"`
		Units int64  `json:"units"`
	}
	paymentBody struct {
		Node   string `json:"node"`
		Amount int64  `json:"amount"`
	}
	reportsBody struct {
		Experiment string       `json:"experiment"`
		Round      uint64       `json:"round"`
		Reports    []reportBody `json:"reports"`
	}
	reportBody struct {
		Node      string `json:"node"`
		Signed    []byte `json:"signed"`
		Signature []byte `json:"signature"`
	}
	publishBody struct {
		Experiment      string      `json:"experiment"`
		Round           uint64      `json:"round"`
		Version         uint64      `json:"version"`
		Model           digest      `json:"model"`
		Descriptor      digest      `json:"descriptor"`
		DescriptorBytes []byte      `json:"descriptorBytes"`
		Secret          digest      `json:"secret"`
		Delivered       []string    `json:"delivered"`
		Quotas          []quotaBody `json:"quotas"`
		Granted         []string    `json:"granted"`
		Contributions   []worthBody `json:"contributions"`
	}
	quotaBody struct {
		Node  string `json:"node"`
		Units uint64 `json:"units"`
	}
	drawBody struct {
		Experiment string   `json:"experiment"`
		Version    uint64   `json:"version"`
		Draw       uint64   `json:"draw"`
		Granted    []string `json:"granted"`
	}
	roundBody struct {
		Experiment string `json:"experiment"`
		Round      uint64 `json:"round"`
		SeedCommit digest `json:"seedCommit"`
		Reason     string `json:"reason"` // of an abort
	}
	withdrawBody struct {
		Node   string `json:"node"`
		Amount int64  `json:"amount"`
	}
	checkpointBody struct {
		Notes []struct {
			Note string `json:"note"`
		} `json:"notes"`
	}
)
