%% Private to rubeam_pool and rubeam_pool_keeper.

%% What a process of this node needs to use a pool. In the table of rubeam_registry, by the keeper.
-record(board, {keeper :: pid(),
                slots :: rubeam_pool_slots:slots(),
                %% The interpreter of each slot: closed ports too, of one that is being replaced.
                ports :: tuple(),
                timeout :: timeout()}). % of requests that name none
