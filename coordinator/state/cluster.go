package state

import (
	"fmt"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Bounds on what an enrolment may say.
const (
	nameMax      = 63
	addressesMax = 16
	addressMax   = 256
	weightMax    = 1 << 20
	expiryMinMs  = 60_000
	expiryMaxMs  = 30 * 24 * 60 * 60 * 1000
	peerIDMax    = 128
	verifierMax  = 512
)

// bootstrap names the cluster. It is the first command of every log.
func (t *turn) bootstrap(c *possev1.Bootstrap) Result {
	if t.Cluster != "" {
		return refusal(conflict("cluster", "the cluster has its name and first replicas already"))
	}
	if err := checkName("cluster", c.GetCluster()); err != nil {
		return refusal(err)
	}
	if o := c.GetOrigin(); o == "" || len(o) > addressMax || strings.ContainsAny(o, " \n+") {
		return refusal(malformed("origin", "empty, too long or with spaces", "a name such as example.org/posse/main"))
	}
	var replicas []*Replica
	for i, r := range c.GetReplicas() {
		if err := checkReplica(r.GetName(), r.GetPeerId(), r.GetVerifier(), r.GetAddresses()); err != nil {
			return refusal(err)
		}
		for _, before := range replicas {
			if before.Name == r.GetName() || before.PeerID == r.GetPeerId() {
				return refusal(conflict(fmt.Sprintf("replicas[%d]", i), "two replicas have one name or one peer id"))
			}
		}
		replicas = append(replicas, &Replica{r.GetName(), r.GetPeerId(), r.GetVerifier(), slices.Clone(r.GetAddresses())})
	}
	t.Cluster, t.Origin = c.GetCluster(), c.GetOrigin()
	t.Replicas = replicas
	sortReplicas(t.Replicas)
	view := bootstrapView{Cluster: t.Cluster, Origin: t.Origin}
	for _, r := range t.Replicas {
		view.Replicas = append(view.Replicas, replicaView{r.Name, r.PeerID, r.Verifier})
	}
	t.view = view
	return Result{Value: t.Cluster}
}

func sortReplicas(list []*Replica) {
	slices.SortFunc(list, func(a, b *Replica) int { return strings.Compare(a.Name, b.Name) })
}

func (t *turn) createInvite(c *possev1.CreateInvite) Result {
	if t.Cluster == "" {
		return refusal(errNoBootstrap)
	}
	if len(c.GetSecretHash()) != 32 {
		return refusal(malformed("secret_hash", "another length", "32 bytes"))
	}
	if err := checkName("name", c.GetName()); err != nil {
		return refusal(err)
	}
	if c.GetRole() != "node" && c.GetRole() != "replica" {
		return refusal(malformed("role", printable(c.GetRole()), "node, replica"))
	}
	if c.GetWeight() > weightMax {
		return refusal(outOfRange("weight", fmt.Sprint(c.GetWeight()), fmt.Sprintf("[1, %d]", weightMax)))
	}
	if left := c.GetExpiresMs() - t.now; left < expiryMinMs || left > expiryMaxMs {
		return refusal(outOfRange("expires", fmt.Sprintf("%d ms from now", left), "1 minute to 30 days"))
	}
	if len(c.GetPeerId()) > peerIDMax {
		return refusal(malformed("peer_id", "too long", "a peer id"))
	}
	if t.taken(c.GetName()) {
		return refusal(conflict("name", "a node, a replica or an open invite has this name"))
	}
	hash := [32]byte(c.GetSecretHash())
	if t.invite(hash) != nil {
		return refusal(conflict("secret_hash", "another invite has this secret"))
	}
	invite := &Invite{
		SecretHash: hash, Name: c.GetName(), Role: c.GetRole(), Weight: max(1, c.GetWeight()),
		Expires: c.GetExpiresMs(), PeerID: c.GetPeerId(),
	}
	t.Invites = append(t.Invites, invite)
	t.view = inviteView{Name: invite.Name, Role: invite.Role, Weight: invite.Weight, Expires: invite.Expires}
	return Result{Value: invite.Name}
}

// taken reports whether a name was ever enrolled, or may be through an open invite.
// A revoked node's name stays its own: its account and its leaves go on under it.
func (t *turn) taken(name string) bool {
	return t.Node(name) != nil || t.Replica(name) != nil || slices.ContainsFunc(t.Invites, func(i *Invite) bool {
		return i.Name == name && !i.Used && !i.Revoked && i.Expires > t.now
	})
}

func (t *turn) invite(hash [32]byte) *Invite {
	for _, i := range t.Invites {
		if i.SecretHash == hash {
			return i
		}
	}
	return nil
}

func (t *turn) revokeInvite(c *possev1.RevokeInvite) Result {
	i := t.Invite(c.GetName())
	if i == nil {
		return refusal(notFound("name", c.GetName(), "invite"))
	}
	if i.Used {
		e := &posse.Error{Code: posse.FailedPrecondition, Reason: "INVITE_USED", Field: "name", Value: i.Name, Message: "the invite was used"}
		if i.Role == "node" {
			e.Hint = "revoke the node itself: posse invite revoke --node " + i.Name
		}
		return refusal(e)
	}
	if i.Revoked {
		return Result{Value: i.Name, Duplicate: true}
	}
	i.Revoked = true
	t.view = nameView{Name: i.Name}
	return Result{Value: i.Name}
}

// refusedInvite is what a stranger is told, whatever was wrong: no oracle.
func refusedInvite() Result {
	return refusal(&posse.Error{
		Code: posse.PermissionDenied, Reason: "INVITE_REFUSED", Field: "invite",
		Message: "the invite is not valid", Hint: "ask the operator for a new one",
	})
}

// enrol consumes an invite. The same peer again, within the invite's life, gets the
// same answer. A replica shows a key for checkpoints and a node shows none, so that
// neither is enrolled as the other by an invite that went to the wrong hands.
func (t *turn) enrol(c *possev1.Enrol) Result {
	if len(c.GetSecretHash()) != 32 || c.GetPeerId() == "" || len(c.GetPeerId()) > peerIDMax {
		return refusedInvite()
	}
	i := t.invite([32]byte(c.GetSecretHash()))
	switch {
	case i == nil, i.Revoked, t.now >= i.Expires, i.PeerID != "" && i.PeerID != c.GetPeerId():
		return refusedInvite()
	case i.Used:
		return Result{Value: i.Name, Duplicate: true}
	case t.NodeOf(c.GetPeerId()) != nil || t.ReplicaOf(c.GetPeerId()) != nil:
		return refusedInvite() // one identity, one name
	}
	for _, n := range t.Nodes {
		if n.PeerID == c.GetPeerId() {
			return refusedInvite() // revoked: it comes back under a new identity
		}
	}
	if (i.Role == "replica") != (len(c.GetCheckpointKey()) > 0) {
		return refusal(&posse.Error{ // no oracle: who asks holds the secret
			Code: posse.PermissionDenied, Reason: "INVITE_REFUSED", Field: "invite", Allowed: "a " + i.Role,
			Message: "the invite is for a " + i.Role, Hint: "it is still good: use it there, or ask the operator for another",
		})
	}
	if i.Role == "replica" {
		if err := checkReplica(i.Name, c.GetPeerId(), string(c.GetCheckpointKey()), c.GetAddresses()); err != nil {
			return refusal(err)
		}
		t.Replicas = append(t.Replicas, &Replica{i.Name, c.GetPeerId(), string(c.GetCheckpointKey()), slices.Clone(c.GetAddresses())})
		sortReplicas(t.Replicas)
	} else {
		at, _ := t.node(i.Name)
		t.Nodes = slices.Insert(t.Nodes, at, &Node{Name: i.Name, PeerID: c.GetPeerId(), Weight: i.Weight, Enrolled: t.now})
		for _, e := range t.Experiments {
			e.join(i.Name)
			e.Changed = t.index // windows of all nodes change
		}
	}
	i.Used, i.PeerID = true, c.GetPeerId()
	t.view = enrolView{Name: i.Name, Role: i.Role, PeerID: i.PeerID, Weight: i.Weight, Verifier: string(c.GetCheckpointKey())}
	return Result{Value: i.Name}
}

// revokeNode ends a node's part for good. What it spent and earned stays.
func (t *turn) revokeNode(c *possev1.RevokeNode) Result {
	n := t.Node(c.GetName())
	if n == nil {
		return refusal(notFound("name", c.GetName(), "node"))
	}
	if n.Revoked {
		return Result{Value: n.Name, Duplicate: true}
	}
	n.Revoked = true
	for _, e := range t.Experiments {
		e.Changed = t.index
	}
	t.view = nameView{Name: n.Name}
	return Result{Value: n.Name}
}

func notFound(field, value, what string) *posse.Error {
	return &posse.Error{
		Code: posse.NotFound, Reason: "FIELD_OUT_OF_RANGE", Field: field, Value: printable(value),
		Message: "there is no " + what + " of this name",
	}
}

// checkName refuses names that could not stand in an account, a metric or a path.
func checkName(field, name string) error {
	ok := name != "" && len(name) <= nameMax
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		ok = ok && (letter || i > 0 && (r == '-' || r == '_' || r == '.'))
	}
	if !ok {
		return outOfRange(field, printable(name), "1 to 63 letters, digits, '-', '_' or '.', a letter or digit first")
	}
	return nil
}

func checkReplica(name, peerID, verifier string, addresses []string) error {
	if err := checkName("name", name); err != nil {
		return err
	}
	if peerID == "" || len(peerID) > peerIDMax {
		return malformed("peer_id", "empty or too long", "a peer id")
	}
	if len(verifier) > verifierMax || strings.ContainsAny(verifier, " \n") {
		return malformed("checkpoint_key", "no verifier key", "a note's verifier key")
	}
	return checkAddresses(addresses)
}

func checkAddresses(addresses []string) error {
	if len(addresses) > addressesMax {
		return outOfRange("addresses", fmt.Sprint(len(addresses)), fmt.Sprintf("[0, %d]", addressesMax))
	}
	for _, a := range addresses {
		if len(a) > addressMax {
			return outOfRange("addresses", "a long address", fmt.Sprintf("at most %d bytes", addressMax))
		}
	}
	return nil
}
