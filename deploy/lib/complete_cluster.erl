%% For `rabbitmqctl eval`, with Expected, the names of the nodes: gives each quorum queue a member on every node, moves
%% leaders from the node with the most to the node with the fewest, the work queues first, until no node has two more than
%% another, and prints `spread`. RabbitMQ does not do so by itself after a node has returned, and its command
%% `rebalance quorum` leaves 5, 5 and 3 of 13 leaders as they are.
Nodes = lists:sort([node() | nodes()]),
Grow =
    fun() ->
        Results = lists:append([rabbit_quorum_queue:grow(Node, <<".*">>, <<".*">>, all) || Node <- Nodes]),
        [Failed || {_, {error, _, _}} = Failed <- Results]
    end,
Leaders =
    fun() ->
        lists:sort([begin
                        {Server, Recorded} = amqqueue:get_pid(Queue),
                        case ra_leaderboard:lookup_leader(Server) of
                            {Server, Leader} -> {Server, Leader};
                            undefined -> {Server, Recorded}
                        end
                    end || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue])
    end,
Count = fun(Queues) -> [{length([Node || {_, Leader} <- Queues, Leader =:= Node]), Node} || Node <- Nodes] end,
IsWork = fun({Server, _}) -> string:find(atom_to_list(Server), "_claims.work.") =/= nomatch end,
%% The queues of the first list can move, those of the second only count.
Move =
    fun Move(Queues, Others, Moved) ->
        Counts = Count(Queues ++ Others),
        {Fewest, To} = lists:min(Counts),
        {Most, From} = lists:max([{Number, Node} || {Number, Node} <- Counts, lists:keymember(Node, 2, Queues)]),
        case Most - Fewest < 2 of
            true -> {Queues, Moved};
            false ->
                {Server, From} = lists:keyfind(From, 2, Queues),
                Move(lists:keyreplace(Server, 1, Queues, {Server, To}), Others, [{Server, From, To} | Moved])
        end
    end,
Plan =
    fun() ->
        {Work, Rest} = lists:partition(IsWork, Leaders()),
        {SpreadWork, First} = case Work of [] -> {[], []}; _ -> Move(Work, [], []) end,
        {_, Second} = case Rest of [] -> {[], []}; _ -> Move(Rest, SpreadWork, []) end,
        lists:reverse(Second ++ First)
    end,
%% Whether a member of the queue is its leader.
HasLeader = fun(Server) -> lists:any(fun(Node) -> ra:ping({Server, Node}, 1000) =:= {pong, leader} end, Nodes) end,
AwaitLeader =
    fun Await(Server, Attempts) ->
        HasLeader(Server) orelse (Attempts > 0 andalso begin timer:sleep(50), Await(Server, Attempts - 1) end)
    end,
%% A leader that hands over waits up to 30 s for its successor, and its queue accepts nothing in that time. A member that has
%% missed messages loses the election; the leader checks that only since version 3.1.8 of the library ra. So only a member
%% that follows is asked, and a queue that has no leader after a second gets an election.
Transfer =
    fun({Server, From, To}) ->
        case ra:ping({Server, To}, 1000) of
            {pong, follower} ->
                ra:transfer_leadership({Server, From}, {Server, To}),
                AwaitLeader(Server, 20) orelse begin ra:trigger_election({Server, From}), AwaitLeader(Server, 20) end;
            _ -> false
        end
    end,
%% What could not move yet is tried again.
Spread =
    fun Spread(0) -> {not_spread, Count(Leaders())};
        Spread(Rounds) ->
            case Plan() of
                [] -> spread;
                Moves ->
                    lists:foreach(Transfer, Moves),
                    timer:sleep(500),
                    Spread(Rounds - 1)
            end
    end,
case Expected -- Nodes of
    [] ->
        case Grow() of
            [] -> Spread(40);
            Failed -> {not_grown, Failed}
        end;
    Missing -> {not_running, Missing}
end.
