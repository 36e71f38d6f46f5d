(* What is built from a basic routine: two directions (SPEC 4.2), layers with dropout between them (SPEC 4.6). *)
From Coq Require Import List Arith Reals Lra Lia.
From BPTT Require Export Unroll.
Import ListNotations.
Open Scope R_scope.

(* The series read from its end. *)
Definition reversed {V : Type} (T : nat) (x : nat -> V) : nat -> V := fun t => x (T - 1 - t)%nat.

Lemma sum_below_first n (f : nat -> R) : sum (below (S n)) f = f O + sum (below n) (fun t => f (S t)).
Proof. cbn [listed below]. change (seq 0 (S n)) with (0%nat :: seq 1 n). now rewrite sum_cons, <- seq_shift, sum_map. Qed.

Lemma sum_reversed T (f : nat -> R) : sum (below T) (reversed T f) = sum (below T) f.
Proof.
  induction T as [| T IH]; [easy |]. rewrite sum_below_first, (sum_below_succ T f), <- IH. unfold reversed.
  replace (S T - 1 - 0)%nat with T by lia. rewrite Rplus_comm. f_equal. apply sum_ext. intros t _. f_equal. lia.
Qed.

Lemma linear_reversed {V : space} (T : nat) : linear (fun y : Series T V => reversed T y : Series T V).
Proof.
  split; [easy | easy |]. exists 1. split; [lra |]. intros v. right. rewrite Rmult_1_l, !(norm_power (below T) V).
  apply (sum_reversed T (fun t => norm (v t))).
Qed.

(* Its own adjoint. *)
Lemma dot_reversed {V : space} (T : nat) (u v : Series T V) : dot u (reversed T v : Series T V) = dot (reversed T u : Series T V) v.
Proof.
  rewrite !(dot_power (below T) V), <- sum_reversed. apply sum_ext. intros t here. apply in_below in here.
  unfold reversed. now replace (T - 1 - (T - 1 - t))%nat with t by lia.
Qed.

(* A layer of two directions calls the basic routine twice, the second time with the series reversed, and reverses what comes out.
   Each direction has parameters and a first state of its own. X and Y are the series that go in and come out. *)
Section Bidirectional.
Context {P X Y H : space} (reverse : X -> X) (reverse' : Y -> Y).
Context (lin : linear reverse) (lin' : linear reverse').
Context (dual : forall u v, dot u (reverse v) = dot (reverse u) v) (dual' : forall u v, dot u (reverse' v) = dot (reverse' u) v).

Definition forward_call (y : Pair (Pair P P) (Pair X (Pair H H))) : Pair P (Pair X H) := (fst (fst y), (fst (snd y), fst (snd (snd y)))).
Definition reverse_call (y : Pair (Pair P P) (Pair X (Pair H H))) : Pair P (Pair X H) :=
  (snd (fst y), (reverse (fst (snd y)), snd (snd (snd y)))).

Context (basic basic' : Pair P (Pair X H) -> Pair Y H).

(* Both outputs, and both last states. *)
Definition bidirectional (y : Pair (Pair P P) (Pair X (Pair H H))) : Pair (Pair Y Y) (Pair H H) :=
  ((fst (basic (forward_call y)), reverse' (fst (basic' (reverse_call y)))), (snd (basic (forward_call y)), snd (basic' (reverse_call y)))).

(* Backward: the same two calls; x has what both directions send into it. *)
Definition bidirectional_back (g g' : Pair Y H -> Pair P (Pair X H)) (u : Pair (Pair Y Y) (Pair H H)) : Pair (Pair P P) (Pair X (Pair H H)) :=
  let d := g (fst (fst u), fst (snd u)) in
  let d' := g' (reverse' (snd (fst u)), snd (snd u)) in
  ((fst d, fst d'), (vadd (fst (snd d)) (reverse (fst (snd d'))), (snd (snd d), snd (snd d')))).

Lemma linear_forward_call : linear forward_call.
Proof.
  apply linear_both; [apply (linear_then fst fst); [apply linear_fst | apply linear_fst] |].
  apply linear_both; [apply (linear_then snd fst); [apply linear_snd | apply linear_fst] |].
  apply (linear_then (fun y : Pair (Pair P P) (Pair X (Pair H H)) => snd (snd y)) fst); [apply (linear_then snd snd); apply linear_snd | apply linear_fst].
Qed.

Lemma linear_reverse_call : linear reverse_call.
Proof.
  apply linear_both; [apply (linear_then fst snd); [apply linear_fst | apply linear_snd] |].
  apply linear_both.
  - apply (linear_then (fun y : Pair (Pair P P) (Pair X (Pair H H)) => fst (snd y)) reverse); [apply (linear_then snd fst); [apply linear_snd | apply linear_fst] | exact lin].
  - apply (linear_then (fun y : Pair (Pair P P) (Pair X (Pair H H)) => snd (snd y)) snd); [apply (linear_then snd snd); apply linear_snd | apply linear_snd].
Qed.

Theorem bidirectional_is_adjoint y g g' :
  adjoint basic (forward_call y) g -> adjoint basic' (reverse_call y) g' -> adjoint bidirectional y (bidirectional_back g g').
Proof.
  intros [D [d ddual]] [E [e edual]].
  assert (one : derivative (fun y => basic (forward_call y)) y (fun v => D (forward_call v))).
  { apply (derivative_chain forward_call basic y forward_call D); [apply derivative_linear, linear_forward_call | exact d]. }
  assert (two : derivative (fun y => basic' (reverse_call y)) y (fun v => E (reverse_call v))).
  { apply (derivative_chain reverse_call basic' y reverse_call E); [apply derivative_linear, linear_reverse_call | exact e]. }
  exists (fun v => ((fst (D (forward_call v)), reverse' (fst (E (reverse_call v)))), (snd (D (forward_call v)), snd (E (reverse_call v))))).
  split.
  - pose proof (derivative_linear (fun z : Pair Y H => fst z) (basic (forward_call y)) (linear_fst _ _)) as f1.
    pose proof (derivative_linear (fun z : Pair Y H => snd z) (basic (forward_call y)) (linear_snd _ _)) as s1.
    pose proof (derivative_linear (fun z : Pair Y H => reverse' (fst z)) (basic' (reverse_call y)) (linear_then _ _ (linear_fst _ _) lin')) as f2.
    pose proof (derivative_linear (fun z : Pair Y H => snd z) (basic' (reverse_call y)) (linear_snd _ _)) as s2.
    apply (derivative_pair (fun y => (fst (basic (forward_call y)), reverse' (fst (basic' (reverse_call y)))) : Pair Y Y)
                           (fun y => (snd (basic (forward_call y)), snd (basic' (reverse_call y))) : Pair H H)).
    + apply (derivative_pair (fun y => fst (basic (forward_call y))) (fun y => reverse' (fst (basic' (reverse_call y)))));
        [apply (derivative_chain _ _ y _ _ one f1) | apply (derivative_chain _ _ y _ _ two f2)].
    + apply (derivative_pair (fun y => snd (basic (forward_call y))) (fun y => snd (basic' (reverse_call y))));
        [apply (derivative_chain _ _ y _ _ one s1) | apply (derivative_chain _ _ y _ _ two s2)].
  - intros u v. specialize (ddual (fst (fst u), fst (snd u)) (forward_call v)). specialize (edual (reverse' (snd (fst u)), snd (snd u)) (reverse_call v)).
    unfold bidirectional_back. set (dl := g _) in *. set (dr := g' _) in *. unfold forward_call, reverse_call in ddual, edual |- *.
    rewrite !dot_pair in ddual, edual |- *. cbn [fst snd] in *. rewrite !(dot_pair (Pair P P)), !(dot_pair P), !(dot_pair X), !(dot_pair H). cbn [fst snd].
    rewrite dual', dot_add_l, <- (dual (fst (snd dr))). lra.
Qed.
End Bidirectional.

(* With series of T steps. *)
Theorem two_directions {P X H : space} (T : nat) (basic basic' : Pair P (Pair (Series T X) H) -> Pair (Series T H) H) y g g' :
  adjoint basic (forward_call y) g -> adjoint basic' (reverse_call (fun x : Series T X => reversed T x : Series T X) y) g' ->
  adjoint (bidirectional (fun x : Series T X => reversed T x : Series T X) (fun h : Series T H => reversed T h : Series T H) basic basic') y
          (bidirectional_back (fun x : Series T X => reversed T x : Series T X) (fun h : Series T H => reversed T h : Series T H) g g').
Proof. apply bidirectional_is_adjoint; auto using linear_reversed, dot_reversed. Qed.

(* Layers on top of each other: a system whose steps are the layers. Its inputs are their parameters w(l), its state is what a layer
   gives to the next, the outputs and the last states; drop l is the dropout before layer l. So `back_is_adjoint` of Unroll holds for
   any number of layers, and a divergence may read the last states of all of them. *)
Section Stack.
Context {W Y L : space} (layer : nat -> Pair W Y -> Pair Y L) (drop : nat -> Y -> Y).
Context (lin : forall l, linear (drop l)) (dual : forall l u v, dot u (drop l v) = dot (drop l u) v).

Definition layer_step (l : nat) (e : Pair Nothing (Pair W (Pair Y L))) : Pair Y L := layer l (fst (snd e), drop l (fst (snd (snd e)))).
Definition layer_back (g : nat -> Pair Y L -> Pair W Y) (l : nat) (u : Pair Y L) : Pair Nothing (Pair W (Pair Y L)) :=
  (tt, (fst (g l u), (drop l (snd (g l u)), vzero))).

Lemma layer_is_adjoint l e g : adjoint (layer l) (fst (snd e), drop l (fst (snd (snd e)))) (g l) -> adjoint (layer_step l) e (layer_back g l).
Proof.
  intros [D [d ddual]]. exists (fun v => D (fst (snd v), drop l (fst (snd (snd v))))). split.
  - apply (derivative_chain (fun e : Pair Nothing (Pair W (Pair Y L)) => (fst (snd e), drop l (fst (snd (snd e)))) : Pair W Y) (layer l)
             e (fun v => (fst (snd v), drop l (fst (snd (snd v))))) D); [| exact d].
    apply derivative_linear, linear_both; [apply (linear_then snd fst); [apply linear_snd | apply linear_fst] |].
    apply (linear_then (fun e : Pair Nothing (Pair W (Pair Y L)) => fst (snd (snd e))) (drop l)); [| apply lin].
    apply (linear_then (fun e : Pair Nothing (Pair W (Pair Y L)) => snd (snd e)) fst); [apply (linear_then snd snd); apply linear_snd | apply linear_fst].
  - intros u v. rewrite ddual. unfold layer_back. rewrite (dot_pair Nothing), !(dot_pair W), (dot_pair Y). cbn [fst snd].
    rewrite dual, dot_zero_l, Rplus_0_r. unfold dot at 3. cbn [coordinates Nothing]. now rewrite sum_nil, Rplus_0_l.
Qed.

Theorem stack_is_adjoint (layers : nat) (w : Series layers W) (y : Pair Y L) g :
  (forall l, (l < layers)%nat ->
     adjoint (layer l) (w l, drop l (fst (before layer_step tt w y l))) (g l)) ->
  adjoint (unrolled layer_step layers) (tt, (w, y)) (fun u => back (layer_back g) (fst u) layers (snd u)).
Proof. intros each. apply back_is_adjoint. intros l here. apply layer_is_adjoint. cbn. now apply each. Qed.
End Stack.

(* Dropout: each number times one that is given, 0 or 1 / (1 - p). *)
Lemma linear_dropout {A : indices} (m : A -> R) : linear (fun y : Vector A => (fun i => m i * y i) : Vector A).
Proof.
  apply linear_coordinates. intros c here. apply in_flat_map in here. destruct here as [i [listed here]]. apply in_map_iff in here.
  destruct here as [r [<- [<- | []]]]. repeat split; intros; cbn; try ring.
  exists (Rabs (m i)). split; [apply Rabs_pos |]. intros v. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos |].
  pose proof (linear_bound _ (linear_entry A Real i listed)). rewrite (norm_power A Real).
  apply Rle_trans with (norm (v i : Real)); [rewrite norm_real; apply Rle_refl |].
  apply (term_le_sum _ (fun i => norm (v i : Real))); [intros; apply norm_nonneg | exact listed].
Qed.

Lemma dot_dropout {A : indices} (m : A -> R) (u v : Vector A) :
  dot u ((fun i => m i * v i) : Vector A) = dot ((fun i => m i * u i) : Vector A) v.
Proof. rewrite !(dot_power A Real). apply sum_ext. intros i _. rewrite !dot_real. ring. Qed.
