#=> error
`ls`
