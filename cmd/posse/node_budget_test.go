package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/protocols/possev1"
)

func TestARefusedUsersAmountsAreToldApart(t *testing.T) {
	amount := func(nano uint64) *possev1.BudgetResponse_Spend {
		return &possev1.BudgetResponse_Spend{NanoEpsilon: nano}
	}
	u, said := userBudgetOf(&possev1.BudgetResponse_User{
		Whose: "the user across all experiments", Limit: amount(1e9), Spent: amount(8e8), Asked: amount(4e8),
	})
	assert.Equal(t, "her records teach no more: the limit of the user across all experiments is ε 1, spent ε 0.8, asked now ε 0.4", said)
	text, err := json.Marshal(u)
	require.NoError(t, err)
	assert.JSONEq(t, `{"teaches":false,"whose":"the user across all experiments",
		"limit":{"epsilon":1,"delta":0},"spent":{"epsilon":0.8,"delta":0},"asked":{"epsilon":0.4,"delta":0}}`, string(text))
	u, _ = userBudgetOf(&possev1.BudgetResponse_User{Teaches: true})
	assert.Equal(t, &userBudget{Teaches: true}, u)
	u, said = userBudgetOf(nil)
	assert.Nil(t, u)
	assert.Contains(t, said, "the unit is reward")
}
